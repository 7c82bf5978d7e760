import { defineConfig } from "vitest/config";

// One lab and two cores: one file at a time, and two tests of those that only look.
export default defineConfig({
  test: {
    include: ["tests/browser/*.test.ts"],
    fileParallelism: false,
    maxConcurrency: 2,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});

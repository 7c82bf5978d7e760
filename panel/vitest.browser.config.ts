import { defineConfig } from "vitest/config";

// One lab and two cores: one test at a time.
export default defineConfig({
  test: {
    include: ["tests/browser/*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});

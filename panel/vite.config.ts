import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `SEKIMORI_URL=http://127.0.0.1:31008 npm run dev` works against a running lab.
const server = process.env["SEKIMORI_URL"] ?? "http://127.0.0.1:20008";

export default defineConfig({
  plugins: [svelte()],
  server: { proxy: { "/api": { target: server, changeOrigin: true } } },
  build: {
    target: "es2022",
    // The server's Content-Security-Policy allows neither data: scripts nor inline ones.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { panel: "index.html", portal: "portal.html" } },
  },
});

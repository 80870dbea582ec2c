import { defineConfig } from "vite";

// Two pages: the landing page and the wall. The hub serves what comes out of here under /static/.
export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../app/static",
    emptyOutDir: true,
    target: "chrome109", // televisions and kiosks are seldom up to date
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
    rolldownOptions: { input: ["index.html", "screen.html"] },
  },
});

import { defineConfig } from "vite";

// Three pages: the landing page, the wall, citizens' reports. The hub serves what comes out of here under /static/.
export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../app/static",
    emptyOutDir: true,
    target: ["chrome117", "firefox121", "safari17"], // of 2023: the style sheet needs subgrids and :has()
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
    rolldownOptions: { input: ["index.html", "screen.html", "reports.html"] },
  },
});

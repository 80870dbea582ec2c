// Has the browser keep the page (public/keeper.js), where it allows that.

/** `scope`: where this page is; below it all is one page. */
export async function keepPage(scope: "/screens/" | "/reports"): Promise<void> {
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return;
  try {
    const inCharge = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    await navigator.serviceWorker.register("/static/keeper.js", { scope });
    if (navigator.serviceWorker.controller === null) await inCharge;
    // What came before the keeper did, once more past it; the browser still has it.
    const files = performance.getEntriesByType("resource").map((file) => file.name).filter((name) => name.includes("/static/assets/"));
    await fetch(location.pathname);
    await Promise.all(files.map((file) => fetch(file)));
  } catch {
    // Not kept: the page then needs the hub when it is loaded.
  }
}

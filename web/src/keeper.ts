// Has the browser keep the page (public/keeper.js), where it allows that.

/** `scope`: where this page is; below it all is one page. */
export async function keepPage(scope: "/screens/" | "/reports"): Promise<void> {
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return;
  try {
    const inCharge = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    await navigator.serviceWorker.register("/static/keeper.js", { scope });
    if (navigator.serviceWorker.controller === null) await inCharge;
    await fetch(location.pathname);
    keepFiles();
  } catch {
    // Not kept: the page then needs the hub when it is loaded.
  }
}

/** What came before the keeper did, or was on its way, once more past it; the browser still has it. */
function keepFiles(): void {
  const seen = new Set<string>();
  const observer = new PerformanceObserver((list) => {
    for (const { name } of list.getEntries()) {
      if (!name.includes("/static/assets/") || seen.has(name)) continue;
      seen.add(name);
      fetch(name).catch(() => {});
    }
  });
  observer.observe({ type: "resource", buffered: true });
}

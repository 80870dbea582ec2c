// The service worker of the wall: it keeps the page itself, as the page keeps its figures (src/memory.ts). A display that is
// switched on while the hub is away shows the last good wall. Browsers allow it over HTTPS and on this machine only.

const CACHE = "page";
const PATIENCE = 4000; // milliseconds for a hub that does not answer

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin) return;
  // What has its content in its name never changes.
  if (pathname.startsWith("/static/assets/")) event.respondWith(kept(event.request));
  // All walls are one page.
  else if (pathname.startsWith("/screens/")) event.respondWith(fresh(event.request, "/screens/"));
});

async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

async function fresh(request, name) {
  const cache = await caches.open(CACHE);
  const before = await cache.match(name);
  try {
    const answer = await fetch(request, before ? { signal: AbortSignal.timeout(PATIENCE) } : {});
    if (!answer.ok && before) return before;
    if (answer.ok) await keep(cache, name, before, answer.clone());
    return answer;
  } catch (error) {
    if (before) return before;
    throw error;
  }
}

/** Another page has other files: those of the old one go. */
async function keep(cache, name, before, answer) {
  if (before && (await before.clone().text()) === (await answer.clone().text())) return;
  await Promise.all((await cache.keys()).map((key) => cache.delete(key)));
  await cache.put(name, answer);
}

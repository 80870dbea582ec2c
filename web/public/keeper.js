// The service worker of the walls, and that of /reports: it keeps the page itself, as the page keeps its figures (src/memory.ts)
// and what is not sent yet (src/outbox.ts). A display that is switched on while the hub is away shows the last good wall; a
// citizen without a line writes a report. Browsers allow it over HTTPS and on this machine only.

const PAGE = new URL(self.registration.scope).pathname; // whose keeper this is: below it all is one page
const CACHE = `page ${PAGE}`;
const PATIENCE = 4000; // milliseconds for a hub that does not answer

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin) return;
  // What has its content in its name never changes.
  if (pathname.startsWith("/static/assets/")) event.respondWith(kept(event.request));
  else if (pathname.startsWith(PAGE)) event.respondWith(fresh(event.request));
});

async function kept(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

async function fresh(request) {
  const cache = await caches.open(CACHE);
  const before = await cache.match(PAGE);
  try {
    const answer = await fetch(request, before ? { signal: AbortSignal.timeout(PATIENCE) } : {});
    if (!answer.ok && before) return before;
    if (answer.ok) await keep(cache, before, answer.clone());
    return answer;
  } catch (error) {
    if (before) return before;
    throw error;
  }
}

/** Another page has other files: those of the old one go, when the new one is there. */
async function keep(cache, before, answer) {
  if (before && (await before.clone().text()) === (await answer.clone().text())) return;
  const old = (await cache.keys()).filter((key) => new URL(key.url).pathname !== PAGE);
  await cache.put(PAGE, answer);
  await Promise.all(old.map((key) => cache.delete(key)));
}

// How a wall becomes a display that the hub knows: by a token in its address, or by a code that an operator confirms.

import type { components } from "./openapi.d.ts";
import { language, say } from "./language.ts";
import { element } from "./element.ts";

type Pairing = components["schemas"]["PairingState"];
export type PairedDisplay = NonNullable<Pairing["display"]>;

const PAUSE = 3_000; // milliseconds between two questions whether the code has been confirmed

async function post(path: string, body?: unknown): Promise<Response> {
  return fetch(path, {
    method: "POST",
    headers: { "Accept-Language": language, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Give the hub the token of the address once, for a cookie that no script can read; it leaves the address at once. */
export async function redeemToken(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await post("/v1/displays/session", { token });
  } catch {
    // The wall shows what is public; whoever set it up sees that it is not paired.
  }
}

/** Show a code in the dialog until an operator has confirmed it, or the dialog is closed. Tells as what it was paired, if it was. */
export async function pair(dialog: HTMLDialogElement): Promise<PairedDisplay | null> {
  const code = element("p.code", { "aria-live": "polite" }, "…");
  const close = element("button", { type: "button" }, say("dialog.close"));
  close.addEventListener("click", () => dialog.close());
  const words = element("p", { role: "status" }, say("pairing.ask"));
  dialog.replaceChildren(element("h2", {}, say("menu.pair")), code, words, close);
  while (dialog.open) {
    let asked: { id: string; code: string; expires_in: number };
    try {
      const answer = await post("/v1/displays/pairings");
      if (!answer.ok) throw new Error(String(answer.status));
      asked = (await answer.json()) as typeof asked;
    } catch {
      code.textContent = say("pairing.failed");
      return null;
    }
    code.textContent = asked.code;
    for (const end = Date.now() + asked.expires_in * 1000; dialog.open && Date.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      const state = await stateOf(asked.id);
      if (state === "void") break; // ask for another
      if (state?.paired) {
        code.textContent = say("pairing.done");
        words.textContent = state.display ? say("pairing.name", { name: state.display.name }) : "";
        return state.display ?? null;
      }
    }
  }
  return null;
}

/** Where a display has to look that may not see what its address says; null: it may, or the address names a unit itself. */
export function elsewhere({ screens, units }: PairedDisplay, screen: string, unit: string): string | null {
  const query = new URLSearchParams(location.search);
  const [there, whose] = [screens?.includes(screen) ?? true, query.has("unit") || (units?.includes(unit) ?? true)];
  if (there && whose) return null;
  if (!whose) query.set("unit", units![0]!);
  return `/screens/${encodeURIComponent(there ? screen : screens![0]!)}?${query}`;
}

/** null: not to be had now. */
async function stateOf(id: string): Promise<Pairing | "void" | null> {
  try {
    const answer = await fetch(`/v1/displays/pairings/${encodeURIComponent(id)}`, { cache: "no-store" });
    if (answer.status >= 400 && answer.status < 500) return "void";
    return answer.ok ? ((await answer.json()) as Pairing) : null;
  } catch {
    return null;
  }
}

/** Tell the hub what a paired display shows, its pages counted from 1. Nobody waits for the answer. */
export function report(screen: string, page: number): void {
  void fetch("/v1/displays/me", {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ screen, page }),
  }).catch(() => undefined);
}

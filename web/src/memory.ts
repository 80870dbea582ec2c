// The last good picture of a wall, kept by the browser: it stands there again after a reload, hub or no hub.

import type { Snapshot } from "./contract.ts";

export interface Kept {
  /** When it was right, in milliseconds since 1970. */
  at: number;
  snapshot: Snapshot;
}

export function recall(key: string): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}

export function remember(key: string, kept: Kept): void {
  try {
    localStorage.setItem(key, JSON.stringify(kept));
  } catch {
    // Full or forbidden: the wall then only survives the hub's restarts, not its own.
  }
}

// The keys that turn the pages of a wall, as in a slide show.

import type { Playlist } from "./playlist.ts";

/** What a key does; null: nothing. Digits name pages, as far as there are so many. */
export function turnOn(key: string, playlist: Pick<Playlist, "step" | "show" | "pages" | "stopped">): (() => void) | null {
  const page = /^[1-9]$/.test(key) ? Number(key) - 1 : null;
  if (page !== null) return page < playlist.pages ? () => playlist.show(page) : null;
  switch (key) {
    case "ArrowRight":
    case "PageDown":
      return () => playlist.step(1);
    case "ArrowLeft":
    case "PageUp":
      return () => playlist.step(-1);
    case "Home":
      return () => playlist.show(0);
    case "End":
      return () => playlist.show(playlist.pages - 1);
    case " ":
      return () => {
        playlist.stopped = !playlist.stopped;
      };
    default:
      return null;
  }
}

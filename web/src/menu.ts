// The few things that one may want to change while standing in front of the wall. It stays out of sight until then.

import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { language, say, type Word } from "./language.ts";
import { pair, type PairedDisplay } from "./pairing.ts";
import type { Playlist } from "./playlist.ts";
import { chooseTheme } from "./theme.ts";

const CONFIRMED = 8_000; // milliseconds that whoever confirmed the code has to see on which display it was

export interface Menu {
  button: HTMLButtonElement;
  dialog: HTMLDialogElement;
  /** Show a code to pair this display, as if it had been asked for. */
  pair(): void;
}

/** `paired` is called with the display when an operator has confirmed the code; `themed` when the colours have changed; `pages` are those that turn. */
export function makeMenu(paired: (display: PairedDisplay) => void, themed: () => void, pages: () => Playlist | null): Menu {
  const dialog = element("dialog", { "aria-label": say("menu") });
  const button = element("button.menu", { type: "button", "aria-label": say("menu"), "aria-haspopup": "dialog" }, icon("menu"));

  let pairing = false;
  const askForCode = (): void => {
    if (pairing) return;
    pairing = true;
    if (!dialog.open) dialog.showModal();
    void pair(dialog).then((display) => {
      pairing = false;
      if (display === null) return;
      const closing = setTimeout(() => dialog.close(), CONFIRMED);
      dialog.addEventListener("close", () => clearTimeout(closing), { once: true });
      paired(display);
    });
  };
  const choice = (word: Word, act: () => void, { stays = false } = {}): HTMLElement => {
    const made = element("button", { type: "button" }, say(word));
    made.addEventListener("click", () => {
      if (!stays) dialog.close();
      act();
    });
    return element("li", {}, made);
  };
  const theme = (chosen: "dark" | "light") => (): void => {
    chooseTheme(chosen);
    themed();
  };
  button.addEventListener("click", () => {
    const dark = document.documentElement.dataset["theme"] !== "light";
    const playlist = pages();
    dialog.replaceChildren(element(
      "ul", {},
      playlist !== null && choice(playlist.stopped ? "menu.resume" : "menu.pause", () => {
        playlist.stopped = !playlist.stopped;
      }),
      choice(dark ? "menu.light" : "menu.dark", theme(dark ? "light" : "dark")),
      document.fullscreenEnabled && choice("menu.full", () => void document.documentElement.requestFullscreen().catch(() => undefined)),
      choice("menu.language", speakOtherwise),
      choice("menu.pair", askForCode, { stays: true }),
      choice("menu.home", () => location.assign("/")),
      choice("dialog.close", () => undefined),
    ));
    if (playlist !== null) dialog.append(element("p.keys", {}, say("menu.turn")));
    dialog.showModal();
  });
  // A tap beside the menu closes it.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return { button, dialog, pair: askForCode };
}

function speakOtherwise(): void {
  const query = new URLSearchParams(location.search);
  if (language === "vi") query.set("lang", "en");
  else query.delete("lang");
  location.search = query.toString();
}

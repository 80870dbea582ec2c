// `/`: what the hub is, its screens, its documentation, its health.

import "./landing.css";

import type { ScreenItem } from "./contract.ts";
import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { language, say, type Word } from "./language.ts";
import { applyTheme, chosenTheme } from "./theme.ts";

applyTheme(chosenTheme() ?? "dark");
document.documentElement.lang = language;
document.title = `IOC Hub – ${say("landing.title")}`;

const spoken = language === "vi" ? "" : `?lang=${language}`;
const screens = element("ul.screens", { "aria-busy": "true" });
const health = element("span.health", { role: "status" }, say("landing.health.asking"));
const other = element("a.language", { href: language === "vi" ? "/?lang=en" : "/", lang: language === "vi" ? "en" : "vi" }, say("menu.language"));

document.body.append(
  element("header", {}, element("p.brand", {}, icon("activity"), "IOC Hub"), other),
  element(
    "main", {},
    element("h1", {}, say("landing.title")),
    element("p.lead", {}, say("landing.lead")),
    element("section", { "aria-labelledby": "screens" }, element("h2", { id: "screens" }, say("landing.screens")), screens),
    element(
      "section", { "aria-labelledby": "more" },
      element("h2", { id: "more" }, say("landing.more")),
      element(
        "ul.more", {},
        element("li", {}, element("a", { href: "/docs" }, icon("book"), element("b", {}, say("landing.docs")), element("span", {}, say("landing.docs.text")))),
        element("li", {}, element("a", { href: "/readyz" }, icon("activity"), element("b", {}, say("landing.health")), health)),
      ),
    ),
  ),
);

async function listScreens(): Promise<void> {
  try {
    const answer = await fetch("/v1/screens", { headers: { "Accept-Language": language } });
    if (!answer.ok) throw new Error(String(answer.status));
    const { items } = (await answer.json()) as { items: ScreenItem[] };
    screens.replaceChildren(...(items.length > 0 ? items.map(card) : [element("li.none", {}, say("landing.screens.none"))]));
  } catch {
    screens.replaceChildren(element("li.none", {}, say("landing.screens.failed")));
  }
  screens.removeAttribute("aria-busy");
}

function card({ slug, title, pages }: ScreenItem): HTMLElement {
  return element("li", {}, element(
    "a", { href: `/screens/${encodeURIComponent(slug)}${spoken}` },
    icon("monitor"), element("b", {}, title),
    element("span", {}, pages === 1 ? say("landing.page") : say("landing.pages", { n: pages })),
    icon("right"),
  ));
}

async function askHealth(): Promise<void> {
  let [word, state]: [Word, string] = ["landing.health.unknown", "off_track"];
  try {
    const { ok } = await fetch("/readyz", { cache: "no-store" });
    [word, state] = ok ? ["landing.health.ok", "on_track"] : ["landing.health.bad", "off_track"];
  } catch {
    // Said below.
  }
  health.dataset["state"] = state;
  health.replaceChildren(icon(state === "on_track" ? "state.on_track" : "state.off_track"), say(word));
}

await Promise.all([listScreens(), askHealth()]);

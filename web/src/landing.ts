// `/`: what the hub is, its screens, its documentation, its health.

import "./landing.css";

import type { ScreenItem, UnitItem } from "./contract.ts";
import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { language, say, type Word } from "./language.ts";
import { applyTheme, chosenTheme } from "./theme.ts";

applyTheme(chosenTheme() ?? "dark");
document.documentElement.lang = language;
document.title = `IOC Hub – ${say("landing.title")}`;

const OVERVIEW = "tong-quan"; // the one to begin with, where there is one

const screens = element("ul.screens", { "aria-busy": "true" });
const unit = element("select", { id: "unit" }, element("option", { value: "" }, say("landing.unit.own")));
const choice = element("p.unit", { hidden: true }, element("label", { for: "unit" }, say("landing.unit")), unit);
const health = element("span.health", { role: "status" }, say("landing.health.asking"));
const other = element("a.language", { href: language === "vi" ? "/?lang=en" : "/", lang: language === "vi" ? "en" : "vi" }, say("menu.language"));

document.body.append(
  element(
    "header", {}, element("p.brand", {}, icon("activity"), "IOC Hub"),
    element("a.citizens", { href: language === "vi" ? "/reports" : "/reports?lang=en" }, icon("megaphone"), say("reports.title")), other,
  ),
  element(
    "main", {},
    element("h1", {}, say("landing.title")),
    element("p.lead", {}, say("landing.lead")),
    element("section", { "aria-labelledby": "screens" }, element("h2", { id: "screens" }, say("landing.screens")), choice, screens),
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

async function ask<Item>(path: string): Promise<Item[]> {
  const answer = await fetch(path, { headers: { "Accept-Language": language } });
  if (!answer.ok) throw new Error(String(answer.status));
  return ((await answer.json()) as { items: Item[] }).items;
}

async function listScreens(): Promise<void> {
  try {
    const items = await ask<ScreenItem>("/v1/screens");
    items.sort((a, b) => Number(b.slug === OVERVIEW) - Number(a.slug === OVERVIEW) || a.title.localeCompare(b.title, language));
    screens.replaceChildren(...(items.length > 0 ? items.map(card) : [element("li.none", {}, say("landing.screens.none"))]));
    if (items[0]) void listUnits(items[0].unit);
  } catch {
    screens.replaceChildren(element("li.none", {}, say("landing.screens.failed")));
  }
  screens.removeAttribute("aria-busy");
}

/** Whose wall a screen may be instead of its own unit's: those below. Without them there is nothing to choose. */
async function listUnits(above: string): Promise<void> {
  try {
    const units = await ask<UnitItem>(`/v1/units?limit=1000&parent=${encodeURIComponent(above)}`);
    units.sort((a, b) => a.name.localeCompare(b.name, language, { numeric: true }));
    unit.append(...units.map(({ code, name }) => element("option", { value: code }, name)));
    choice.hidden = units.length === 0;
  } catch {
    // The screens lead to their own units.
  }
}

unit.addEventListener("change", () => {
  for (const link of screens.querySelectorAll("a")) link.search = query();
});

/** What a screen is asked for: the unit that was chosen, the language of this page. */
function query(): string {
  return new URLSearchParams({ ...(unit.value && { unit: unit.value }), ...(language !== "vi" && { lang: language }) }).toString();
}

function card({ slug, title, pages }: ScreenItem): HTMLElement {
  return element("li", {}, element(
    "a", { href: `/screens/${encodeURIComponent(slug)}${query() && `?${query()}`}` },
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

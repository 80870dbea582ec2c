// `/reports`: what people report, for everybody: where, what became of it; and the way to send one and follow it.

import "./reports.css";

import type { ReportItem } from "./contract.ts";
import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { keepPage } from "./keeper.ts";
import { language, say } from "./language.ts";
import { waiting, waitingReport } from "./outbox.ts";
import { PlaceMap } from "./places.ts";
import { card, keepDelivering, redraw, toneOf, waitingCard } from "./report-cards.ts";
import { showForm } from "./report-form.ts";
import { showReport, showSent } from "./report.ts";
import { deliver, news } from "./sender.ts";
import { applyTheme, chosenTheme } from "./theme.ts";
import { area, categories, followed, isKnown, newId, read } from "./visitor.ts";

const FEW = 20; // reports in the list before one asks for more

applyTheme(chosenTheme() ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark"));
document.documentElement.lang = language;
document.title = say("reports.title");

const home = language === "vi" ? "/" : "/?lang=en";
const view = element("main", { tabindex: -1 });
const other = element("a.language", { lang: language === "vi" ? "en" : "vi", href: language === "vi" ? "?lang=en" : "?" }, say("menu.language"));
document.body.append(
  element("header", {}, element("a.brand", { href: home }, icon("activity"), "IOC Hub"), other),
  view,
);

// --- all of them ---

async function showAll(): Promise<void> {
  const map = new PlaceMap({ open: (id) => go(id) });
  const filter = element("select", { id: "category" }, element("option", { value: "" }, say("reports.all")));
  const list = element("ul.cards", { "aria-busy": "true" });
  const more = element("button.other.more", { type: "button", hidden: true }, say("reports.more"));
  const own = element("section", { hidden: true });
  const key = element("ul.key", {}, ...(["open", "answered", "fixed"] as const).map((one) => element("li", { "data-progress": one }, say(`report.${one}`))));
  const way = element("p", {}, element("a.main", { href: "#send" }, icon("megaphone"), say("reports.send")));
  view.replaceChildren(
    element("h1", {}, say("reports.title")), element("p.lead", {}, say("reports.lead")), way, own,
    element(
      "div.columns", {},
      element("section", { "aria-labelledby": "map" }, element("h2", { id: "map" }, say("reports.where")), map.element, key),
      element("section", { "aria-labelledby": "list" }, element("h2", { id: "list" }, say("reports.newest")), element("p.filter", {}, element("label", { for: "category" }, say("reports.category")), filter), list, more),
    ),
  );
  void showOwn(own);
  void area().then(({ key_needed }) => key_needed && way.replaceChildren(element("span.note", {}, say("reports.closed"))));
  try {
    const [{ items }, { places }, known] = await Promise.all([published(), area(), categories()]);
    let shown = FEW;
    const used = new Set(items.map(({ category }) => category));
    filter.append(...known.filter(({ code }) => used.has(code)).map(({ code, name }) => element("option", { value: code }, name)));
    const draw = (): void => {
      const wanted = items.filter(({ category }) => filter.value === "" || category === filter.value);
      list.replaceChildren(...(wanted.length > 0 ? wanted.slice(0, shown).map(card) : [element("li.note", {}, say("feed.empty"))]));
      more.hidden = wanted.length <= shown;
      map.show(places, wanted.flatMap((one) => (one.point ? [{ ...one.point, id: one.id, progress: toneOf(one) }] : [])));
    };
    filter.addEventListener("change", draw);
    more.addEventListener("click", () => {
      shown += FEW;
      draw();
    });
    draw();
  } catch {
    list.replaceChildren(element("li.note", {}, say("reports.unreachable")));
  }
  list.removeAttribute("aria-busy");
}

/** What everybody sees; asked for without the token, with which one's own would be among them. */
async function published(): Promise<{ items: ReportItem[] }> {
  const answer = await fetch("/v1/reports?limit=1000", { headers: { "Accept-Language": language } });
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()) as { items: ReportItem[] };
}

/** What this browser wrote, sent and follows. */
async function showOwn(place: HTMLElement): Promise<void> {
  const waits = element("ul.cards.waits", { "aria-live": "polite" });
  const [sent, others] = [element("ul.cards.own"), element("ul.cards.followed")];
  place.replaceChildren(element("h2", {}, say("reports.mine")), waits, sent, element("h2", {}, say("reports.following")), others);
  const draw = async (): Promise<void> => {
    if (!view.contains(place)) return news.removeEventListener("change", draw);
    redraw(waits, await Promise.all((await waiting()).reverse().map(waitingCard)));
    reveal();
  };
  const reveal = (): void => {
    for (const list of [sent, others]) list.hidden = list.childElementCount === 0;
    others.previousElementSibling!.toggleAttribute("hidden", others.hidden);
    place.firstElementChild!.toggleAttribute("hidden", waits.childElementCount === 0 && sent.hidden);
    place.hidden = waits.childElementCount === 0 && sent.hidden && others.hidden;
  };
  const ask = async (): Promise<void> => {
    if (!isKnown()) return;
    const found = async (query: string): Promise<ReportItem[]> => read<{ items: ReportItem[] }>(`?${query}&limit=50`).then(({ items }) => items, () => []);
    const [mine, public_] = await Promise.all([found("mine=true"), found("followed_by=visitor")]);
    sent.replaceChildren(...mine.map(card));
    // What is followed and not public yet the hub does not show.
    const hidden = followed().filter(({ id }) => ![...mine, ...public_].some((one) => one.id === id));
    others.replaceChildren(...public_.map(card), ...hidden.map((one) => element("li.card", {}, element("b", {}, one.category_name), element("span.facts", {}, say("reports.followed.hidden")))));
    reveal();
  };
  let before = "";
  news.addEventListener("change", async () => {
    const now = (await waiting()).map(({ id, step }) => `${id} ${step}`).join();
    if (now !== before && view.contains(place)) void ask(); // what was sent is among the others now
    before = now;
  });
  news.addEventListener("change", draw);
  await Promise.all([draw(), ask()]);
}

// --- which of them ---

function go(id: string): void {
  location.hash = `#${id}`;
}

async function show(): Promise<void> {
  const asked = location.hash.slice(1);
  other.href = `${language === "vi" ? "?lang=en" : "?"}${location.hash}`;
  const [, step, id] = /^(send$|send-|sent-|)([0-9a-f-]{36})?$/.exec(asked) ?? [];
  if (step?.startsWith("send")) await write(id);
  else if (id === undefined) await showAll();
  else if (step === "sent-" || (await waitingReport(id))?.step === "report") await sent(id);
  else await showReport(view, id);
  document.title = [...new Set([view.querySelector("h1")?.textContent, say("reports.title")])].filter(Boolean).join(" – ");
}

/** A report that is named, or that was begun before, or a new one. */
async function write(id: string | undefined): Promise<void> {
  const drafts = (await waiting()).filter(({ step }) => step === "draft");
  const draft = drafts.find((one) => one.id === id) ?? drafts.find((one) => one.refused === undefined);
  await showForm(
    view, draft ?? { id: newId(), at: new Date().toISOString(), step: "draft", body: {} },
    (report) => {
      void navigator.storage?.persist?.();
      void deliver();
      history.replaceState(null, "", `#sent-${report}`);
      void sent(report);
    },
    (followed) => go(followed ?? ""),
  );
}

async function sent(id: string): Promise<void> {
  scrollTo(0, 0);
  await showSent(view, id, () => {
    history.replaceState(null, "", `#send-${id}`);
    void write(id);
  });
  view.focus({ preventScroll: true });
}

addEventListener("hashchange", () => {
  scrollTo(0, 0);
  void show().then(() => view.focus({ preventScroll: true }));
});
keepDelivering();
await show();
await keepPage("/reports");

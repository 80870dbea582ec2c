// `/reports`: what people report, for everybody: where, what became of it; and the way to send one and follow it.

import "./reports.css";

import { instantOf } from "./clock.ts";
import type { AreaPlace, CategoryItem, ReportDetail, ReportIn, ReportItem } from "./contract.ts";
import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { language, say } from "./language.ts";
import { ago, momentWords } from "./periods.ts";
import { PlaceMap, type Point } from "./places.ts";
import { ask, mine, newId, Refused, send, sendPhoto, sendWhatWaits } from "./sender.ts";
import { applyTheme, chosenTheme } from "./theme.ts";

const FEW = 20; // reports in the list before one asks for more
const MOST_PHOTOS = 5;
const WAITING = ["submitted", "need_info", "accepted", "assigned", "returned", "processing", "extended", "reopened", "resolved", "approved"];

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

async function read<T>(path: string): Promise<T> {
  const answer = await ask(path);
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()) as T;
}

const area = read<{ places: AreaPlace[]; key_needed: boolean }>("/area").catch(() => ({ places: [], key_needed: false }));
const categories = read<{ items: CategoryItem[] }>("/categories").then(({ items }) => items, () => []);

function progressOf({ state, outcome }: ReportItem): "open" | "answered" | "fixed" {
  if (WAITING.includes(state)) return "open";
  return outcome === "fixed" || outcome === "partly" ? "fixed" : "answered";
}

function when(moment: string): string {
  return ago(instantOf(moment), Date.now());
}

// --- all of them ---

async function showAll(): Promise<void> {
  const map = new PlaceMap({ open: (id) => go(id) });
  const filter = element("select", { id: "category" }, element("option", { value: "" }, say("reports.all")));
  const list = element("ul.cards", { "aria-busy": "true" });
  const more = element("button.other.more", { type: "button", hidden: true }, say("reports.more"));
  const own = element("section", { hidden: true });
  const key = element("ul.key", {}, ...(["open", "answered", "fixed"] as const).map((one) => element("li", { "data-progress": one }, say(`report.${one}`))));
  const way = element("p", {});
  view.replaceChildren(
    element("h1", {}, say("reports.title")), element("p.lead", {}, say("reports.lead")), way, own,
    element(
      "div.columns", {},
      element("section", { "aria-labelledby": "map" }, element("h2", { id: "map" }, say("reports.where")), map.element, key),
      element("section", { "aria-labelledby": "list" }, element("h2", { id: "list" }, say("reports.newest")), element("p.filter", {}, element("label", { for: "category" }, say("reports.category")), filter), list, more),
    ),
  );
  void showOwn(own);
  void area.then(({ key_needed }) => way.replaceChildren(
    key_needed ? element("span.note", {}, say("reports.closed")) : element("a.main", { href: "#send" }, icon("megaphone"), say("reports.send")),
  ));
  try {
    const [{ items }, { places }, known] = await Promise.all([published(), area, categories]);
    let shown = FEW;
    const used = new Set(items.map(({ category }) => category));
    filter.append(...known.filter(({ code }) => used.has(code)).map(({ code, name }) => element("option", { value: code }, name)));
    const draw = (): void => {
      const wanted = items.filter(({ category }) => filter.value === "" || category === filter.value);
      list.replaceChildren(...(wanted.length > 0 ? wanted.slice(0, shown).map(card) : [element("li.note", {}, say("feed.empty"))]));
      more.hidden = wanted.length <= shown;
      map.show(places, wanted.flatMap((one) => (one.point ? [{ ...one.point, id: one.id, progress: progressOf(one) }] : [])));
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

async function showOwn(place: HTMLElement): Promise<void> {
  const known = mine();
  if (known.length === 0) return;
  const there = await read<{ items: ReportItem[] }>("?mine=true&limit=50").then(({ items }) => items, () => []);
  const waiting = known.filter(({ body }) => body !== undefined);
  place.hidden = waiting.length + there.length === 0;
  place.replaceChildren(
    element("h2", {}, say("reports.mine")),
    element(
      "ul.cards.own", {},
      ...waiting.map(({ id }) => element("li", {}, element("a", { href: `#${id}` }, say("reports.waiting")))),
      ...there.map(card),
    ),
  );
}

function card(report: ReportItem): HTMLElement {
  const facts = [report.category_name, report.unit_name, when(report.received_at)].filter(Boolean).join(" · ");
  return element("li", {}, element(
    "a", { href: `#${report.id}` },
    element("b", {}, report.description),
    element("span.facts", { "data-progress": progressOf(report) }, element("span.state", {}, report.label), ` · ${facts}`),
  ));
}

// --- one ---

async function showOne(id: string): Promise<void> {
  const back = element("a.other", { href: "#" }, say("reports.back"));
  const answer = await ask(`/${id}`).catch(() => null);
  if (answer === null || !answer.ok) {
    view.replaceChildren(back, element("h1", {}, say("reports.title")), element("p.note", { role: "status" }, say(answer?.status === 404 ? "reports.unknown" : "reports.unreachable")));
    return;
  }
  const report = (await answer.json()) as ReportDetail;
  const map = new PlaceMap({});
  const facts = [report.unit_name, report.address, report.coarse && say("reports.roughly")].filter(Boolean).join(" · ");
  view.replaceChildren(element(
    "article", {},
    back,
    element("h1", {}, report.category_name),
    element("p.facts", { "data-progress": progressOf(report) }, element("span.state", {}, report.label), ` · ${say("reports.number", { n: report.number })} · ${when(report.received_at)}`),
    mine().some((one) => one.id === id) && report.published_at === null && element("p.note", {}, say("reports.private")),
    element("p.words", {}, report.description),
    report.photos.length > 0 && element("div.photos", {}, ...report.photos.map((photo) => element(
      "figure", {},
      element("a", { href: photo.full }, element("img", { src: photo.screen, alt: say(`reports.photo.${photo.kind}`, { n: photo.n }), loading: "lazy", width: photo.width, height: photo.height })),
      element("figcaption", {}, say(photo.kind === "before" ? "reports.before" : "reports.after")),
    ))),
    report.reply && element("div.reply", { "data-progress": progressOf(report) }, element("b", {}, report.agency_name ?? say("reports.reply")), element("p", {}, report.reply)),
    element(
      "div.columns", {},
      element(
        "section", {}, element("h2", {}, say("reports.history")),
        element("ol.history", {}, ...report.events.map((event) => element(
          "li", {}, element("b", {}, event.label), element("span.facts", {}, ` · ${momentWords(instantOf(event.at), Date.now())}`),
          event.agency_name ? element("p.facts", {}, event.agency_name) : null,
          event.reason ? element("p", {}, event.reason) : null,
        ))),
      ),
      report.point ? element("section", {}, element("h2", {}, say("reports.where")), element("p.facts", {}, facts), map.element) : element("p.facts", {}, facts),
    ),
  ));
  if (report.point) {
    map.choose(report.point);
    map.show((await area).places, []);
  }
}

// --- a new one ---

async function showForm(): Promise<void> {
  let point: Point | null = null;
  const category = element("select", { id: "what", required: true }, element("option", { value: "" }, say("reports.choose")));
  const words = element("textarea", { id: "words", rows: 4, required: true, maxlength: 5000 });
  const address = element("input", { id: "address", maxlength: 500, autocomplete: "street-address" });
  const phone = element("input", { id: "phone", type: "tel", autocomplete: "tel", maxlength: 30 });
  const photos = element("input", { id: "photos", type: "file", accept: "image/*", multiple: true });
  const chosen = element("p.said", { role: "status" });
  photos.addEventListener("change", () => {
    chosen.textContent = [...(photos.files ?? [])].slice(0, MOST_PHOTOS).map(({ name }) => name).join(", ");
  });
  const here = element("button.other", { type: "button" }, icon("pin"), say("reports.here"));
  const placed = element("p.said", { role: "status" });
  const said = element("p.said", { role: "status" });
  const bar = element("progress", { max: 1, value: 0, hidden: true, "aria-label": say("reports.sending") });
  const submit = element("button.main", { type: "submit" }, icon("megaphone"), say("reports.send"));
  const wish = (value: string, word: "reports.wish.public" | "reports.wish.withheld" | "reports.wish.private"): HTMLElement =>
    element("label.choice", {}, element("input", { type: "radio", name: "wish", value, checked: value === "public" }), say(word));
  const field = (id: string, word: Parameters<typeof say>[0], control: HTMLElement, note?: string): HTMLElement =>
    element("div", {}, element("label", { for: id }, say(word)), control, note ? element("p.note", {}, note) : null);
  const map = new PlaceMap({ pick: (chosen) => place(chosen) });
  const form = element(
    "form", { novalidate: true },
    field("what", "reports.category", category),
    field("words", "reports.words", words),
    element(
      "fieldset", {}, element("legend", {}, say("reports.place")),
      element("p.note", {}, say("reports.tap")), element("p.where", {}, here), map.element, placed,
      field("address", "reports.address", address),
    ),
    element(
      "div", {}, photos, element("label.other", { for: "photos" }, icon("camera"), say("reports.photos")), chosen,
      element("p.note", {}, say("reports.photos.note", { n: MOST_PHOTOS })),
    ),
    element("fieldset", {}, element("legend", {}, say("reports.wish")), wish("public", "reports.wish.public"), wish("withheld", "reports.wish.withheld"), wish("private", "reports.wish.private")),
    field("phone", "reports.phone", phone, say("reports.phone.note")),
    element("div", {}, submit, bar, said),
  );
  view.replaceChildren(element("a.other", { href: "#" }, say("reports.back")), element("h1", {}, say("reports.send")), form);

  function place(chosen: Point): void {
    point = { latitude: Number(chosen.latitude.toFixed(6)), longitude: Number(chosen.longitude.toFixed(6)) };
    placed.dataset["state"] = "on_track";
    placed.textContent = say("reports.placed", { where: `${point.latitude.toFixed(5)}, ${point.longitude.toFixed(5)}` });
  }

  here.addEventListener("click", () => {
    placed.removeAttribute("data-state");
    placed.textContent = say("reports.looking");
    const failed = (): void => {
      placed.dataset["state"] = "at_risk";
      placed.textContent = say("reports.nowhere");
    };
    if (!("geolocation" in navigator)) return failed();
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      place(coords);
      map.choose(point!);
    }, failed, { enableHighAccuracy: true, timeout: 15_000, maximumAge: 60_000 });
  });

  const complain = (text: string, control?: HTMLElement): void => {
    said.dataset["state"] = "off_track";
    said.textContent = text;
    control?.focus();
  };
  const id = newId(); // of this form, however often its button is pressed
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (category.value === "") return complain(say("reports.needs.category"), category);
    if (words.value.trim() === "") return complain(say("reports.needs.words"), words);
    if (point === null && address.value.trim() === "") return complain(say("reports.needs.place"), here);
    const body: ReportIn = {
      id, category: category.value, description: words.value.trim(), channel: "web",
      visibility: new FormData(form).get("wish") as "public",
      ...(point !== null && { point }),
      ...(address.value.trim() !== "" && { address: address.value.trim() }),
      ...(phone.value.trim() !== "" && { contact: { phone: phone.value.trim() } }),
    };
    submit.disabled = true;
    void deliver(body, [...(photos.files ?? [])].slice(0, MOST_PHOTOS));
  });

  async function deliver(body: ReportIn, files: File[]): Promise<void> {
    const waiting = (): void => {
      said.dataset["state"] = "at_risk";
      said.textContent = say("reports.bad-line");
    };
    bar.hidden = false;
    said.removeAttribute("data-state");
    said.textContent = say("reports.sending");
    try {
      const { number } = await send(body, waiting);
      const lost: string[] = [];
      for (const [index, file] of files.entries()) {
        said.removeAttribute("data-state");
        said.textContent = say("reports.sending.photo", { n: index + 1, all: files.length });
        try {
          await sendPhoto(body.id, index + 1, file, (share) => (bar.value = (index + share) / files.length), waiting);
        } catch (error) {
          lost.push(`${file.name}: ${(error as Error).message}`);
        }
      }
      thank(body.id, number, lost);
    } catch (error) {
      bar.hidden = true;
      submit.disabled = false;
      complain(error instanceof Refused ? error.message : String(error));
    }
  }

  function thank(sent: string, number: number, lost: string[]): void {
    view.replaceChildren(
      element("h1", {}, say("reports.thanks")),
      element("p.lead", { role: "status" }, say("reports.thanks.text", { n: number })),
      ...lost.map((one) => element("p.said", { "data-state": "at_risk" }, one)),
      element("p", {}, element("a.main", { href: `#${sent}` }, say("reports.follow"))),
    );
    view.focus();
  }

  const [{ places }, known] = await Promise.all([area, categories]);
  category.append(...known.map(({ code, name }) => element("option", { value: code }, name)));
  map.show(places, []);
}

// --- which of them ---

function go(id: string): void {
  location.hash = `#${id}`;
}

async function show(): Promise<void> {
  const asked = location.hash.slice(1);
  other.href = `${language === "vi" ? "?lang=en" : "?"}${location.hash}`;
  if (asked === "send") await showForm();
  else if (/^[0-9a-f-]{36}$/.test(asked)) await showOne(asked);
  else await showAll();
}

addEventListener("hashchange", () => {
  scrollTo(0, 0);
  void show().then(() => view.focus({ preventScroll: true }));
});
void sendWhatWaits(() => {}).then(() => (location.hash.length < 2 && mine().length > 0 ? show() : undefined));
await show();

// The wall: `/screens/{slug}`. It shows the last good figures whatever happens to the hub, the line or itself.

import "./wall.css";

import { setZoneBy } from "./clock.ts";
import { Connection } from "./connection.ts";
import type { Problem, Snapshot, WidgetEvent } from "./contract.ts";
import { element } from "./element.ts";
import { makeExplanation } from "./explanation.ts";
import { icon, type Drawing } from "./icons.ts";
import { keepPage } from "./keeper.ts";
import { language, say } from "./language.ts";
import { recall, remember } from "./memory.ts";
import { makeMenu } from "./menu.ts";
import { elsewhere, redeemToken, report, type PairedDisplay } from "./pairing.ts";
import { clockWords, dateWords, periodWords } from "./periods.ts";
import { Playlist } from "./playlist.ts";
import { TURN, type Scene } from "./scene.ts";
import { Stage } from "./stage.ts";
import { listen, problemOf } from "./stream.ts";
import { applyTheme, chosenTheme } from "./theme.ts";
import { turnOn } from "./turning.ts";

const CLOCK = 1_000;

const slug = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const asked = new URLSearchParams(location.search);
const view = new URLSearchParams();
for (const name of ["unit", "period", "asOf"]) {
  const value = asked.get(name);
  if (value !== null) view.set(name, value);
}
const address = `/v1/screens/${encodeURIComponent(slug)}`;
const memory = `wall ${slug}?${view} ${language}`;
const pinned = /^\d+$/.test(asked.get("page") ?? "") ? Number(asked.get("page")) - 1 : null;
// As in wall.css: where a page does not fit on the glass, all pages stand below each other.
const scrolling = matchMedia("(max-width: 900px), (max-aspect-ratio: 1/1)");

let snapshot: Snapshot | null = null;
/** When the figures were last known to be right, in milliseconds since 1970. */
let rightAt = 0;
let playlist: Playlist | null = null;

const stage = new Stage();
const connection = new Connection();
const explanation = makeExplanation(stage.element, view.get("asOf"));
const menu = makeMenu(paired, redraw, () => (playlist?.turns ? playlist : null));
const heading = element("h1");
const place = element("p.place");
const clock = element("time.clock");
const date = element("p.date");
const dots = element("nav.dots", { "aria-label": say("pages"), "aria-keyshortcuts": "ArrowLeft ArrowRight PageUp PageDown Home End 1 2 3 4 5 6 7 8 9 Space" });
const stopped = element("p.stopped", { role: "status" });
const legend = element("ul.legend");

document.documentElement.lang = language;
document.body.append(
  element("header", {}, element("div.names", {}, place, heading), element("div.when", {}, clock, date)),
  stage.element,
  element("footer", {}, connection.element, dots, stopped, legend, menu.button),
  menu.dialog,
  explanation,
);

// --- what is shown ---

function scene(): Scene {
  return { unit: snapshot!.unit.code, now: Date.now(), scrolls: scrolling.matches };
}

function take(next: Snapshot, at: number): void {
  const before = snapshot;
  snapshot = next;
  rightAt = at;
  setZoneBy(JSON.stringify(next.data));
  connection.waiting(next.waiting_since);
  applyTheme(chosenTheme() ?? next.theme);
  const same = before !== null && JSON.stringify(before.pages) === JSON.stringify(next.pages) && before.theme === next.theme;
  if (same) {
    stage.again(next.data, scene());
    mark();
    if (!before.display) tellHub(); // it has just been paired
  } else setUp();
}

/** The pages of a definition that was not up before. */
function setUp(): void {
  if (snapshot === null) return;
  const { pages, title, unit } = snapshot;
  document.title = `${title} – ${unit.name}`;
  const still = playlist?.stopped ?? false;
  playlist?.stop();
  const first = Math.min(Math.max(pinned ?? playlist?.page ?? 0, 0), pages.length - 1);
  playlist = scrolling.matches ? null : new Playlist(pages.map((page) => page.seconds), first, pinned !== null, turn, (paused) => {
    document.body.classList.toggle("paused", paused);
    stopped.textContent = playlist?.stopped ? say("pages.stopped") : "";
  });
  dots.replaceChildren(...(pages.length < 2 || pinned !== null ? [] : pages.map((page, number) => {
    const dot = element("button", { type: "button", title: page.title }, element("span", {}, page.title ?? say("page", { n: number + 1 })));
    dot.addEventListener("click", () => {
      if (playlist !== null) playlist.show(number);
      else stage.element.children[number]?.scrollIntoView();
    });
    return dot;
  })));
  turn(first);
  if (playlist !== null) playlist.stopped = still;
  else if (pinned !== null) stage.element.children[first]?.scrollIntoView();
}

function turn(number: number): void {
  if (snapshot === null) return;
  const { pages, title, unit, period, data } = snapshot;
  const one = playlist !== null;
  const page = pages[number]!;
  const screen = one && page.title !== null && page.title !== title ? title : null;
  const whose = ((one ? page.unit_name : null) ?? unit.name).replace(/(?<=\d) (?=\p{Ll})/gu, "\u00a0"); // `7 phường` does not part
  place.textContent = [whose, screen, period && periodWords(period)].filter(Boolean).join(" · ");
  heading.textContent = (one ? page.title : null) ?? title;
  [...dots.children].forEach((dot, at) => {
    if (one && at === number) dot.setAttribute("aria-current", "page");
    else dot.removeAttribute("aria-current");
    (dot as HTMLElement).style.setProperty("--seconds", `${page.seconds}s`);
  });
  stage.show(one ? [page] : pages, data, scene());
  mark();
  standing = number;
  tellHub();
}

let standing = 0;

/** Its operator sees where a paired display is, and that it is. */
function tellHub(): void {
  if (snapshot?.display) report(slug, standing + 1);
}

/** The legend tells of the marks that are on the wall now, and of no others. */
function mark(): void {
  const marks: [selector: string, drawing: Drawing, words: string, state: string][] = [
    ["[data-state=on_track] .icon", "state.on_track", say("state.on_track"), "on_track"],
    ["[data-state=at_risk] .icon", "state.at_risk", say("state.at_risk"), "at_risk"],
    ["[data-state=off_track] .icon", "state.off_track", say("state.off_track"), "off_track"],
    ["[data-wordless]", "up", say("compare.wordless"), "change"],
    [".synthetic", "synthetic", say("synthetic.long"), "synthetic"],
  ];
  const there = marks.filter(([selector]) => stage.element.querySelector(selector) !== null);
  legend.replaceChildren(...there.map(([, drawing, words, state]) => element("li", { "data-state": state }, icon(drawing), words)));
}

function redraw(): void {
  if (snapshot !== null) stage.again(snapshot.data, scene());
}

// --- where it comes from ---

function received(event: string, text: string): void {
  if (event === "snapshot") take(JSON.parse(text) as Snapshot, Date.now());
  else if (event === "widget" && snapshot !== null) {
    const { id, change, data } = JSON.parse(text) as WidgetEvent;
    snapshot.data[id] = data;
    snapshot.change = change;
    rightAt = Date.now();
    stage.update(id, data, scene());
    mark();
  } else return;
  keep();
}

let keeping = 0;

/** Remember what is shown, but not with each of many changes. */
function keep(): void {
  if (keeping !== 0) return;
  keeping = window.setTimeout(() => {
    keeping = 0;
    if (snapshot !== null) remember(memory, { at: rightAt, snapshot });
  }, 1000);
}

function refused(problem: Problem): void {
  stage.say(
    element("h2", {}, problem.title || say("screen.problem")),
    element("p", {}, problem.detail),
    element("p", {}, element("a", { href: "/" }, say("screen.others"))),
  );
}

let streaming: { stop(): void } | null = null;

/** It sees what the display may see; a display of a ward that was set up at the wall of the city goes to its own. */
function paired(display: PairedDisplay): void {
  const there = snapshot === null ? null : elsewhere(display, slug, snapshot.unit.code);
  if (there === null) reconnect();
  else location.assign(there);
}

function reconnect(): void {
  streaming?.stop();
  streaming = listen(`${address}/events?${view}`, {
    opened() {
      const returned = !connection.live && snapshot !== null;
      connection.opened();
      if (returned) void takeNewBuild();
    },
    received,
    lost(problem) {
      if (connection.live) rightAt = Date.now();
      connection.lost(() => (snapshot === null ? null : rightAt), problem);
      if (problem === null || snapshot !== null) return;
      if (problem.status === 401 || problem.status === 403) menu.pair();
      else if (problem.status < 500) refused(problem);
    },
  });
}

/** A hub that comes back may be a newer one, with a newer page. The last figures stand there again after loading. */
async function takeNewBuild(): Promise<void> {
  try {
    const answer = await fetch(location.pathname, { cache: "no-cache" });
    const own = new URL(import.meta.url).pathname;
    if (answer.ok && own.startsWith("/static/") && !(await answer.text()).includes(own)) location.reload();
  } catch {
    // It has gone again; the next time will do.
  }
}

/** What stood on the wall when the page was left. */
function standAgain(): void {
  const kept = view.has("asOf") ? null : recall(memory);
  if (kept === null) return;
  try {
    take(kept.snapshot, kept.at);
  } catch {
    // Of a page that spoke with another hub: what comes from this one will do.
    snapshot = null;
  }
}

/** The screen as it stood at some time: nothing on it will change. */
async function showPast(): Promise<void> {
  try {
    const answer = await fetch(`${address}/data?${view}`, { headers: { "Accept-Language": language } });
    if (answer.ok) {
      take((await answer.json()) as Snapshot, Date.now());
      connection.frozen(say("as-of", { when: periodWords(view.get("asOf")!) }));
      return;
    }
    const problem = await problemOf(answer);
    if (problem.status < 500) {
      refused(problem);
      return;
    }
  } catch {
    // Tried again like everything else.
  }
  connection.lost(() => null, null);
  setTimeout(() => void showPast(), 10_000);
}

// --- time passes, people come by ---

function tellTime(): void {
  const now = Date.now();
  clock.textContent = clockWords(now);
  date.textContent = dateWords(now);
}

setInterval(tellTime, CLOCK);
setInterval(() => {
  redraw();
  if (connection.live && snapshot !== null) {
    rightAt = Date.now();
    keep();
  }
}, TURN);
setInterval(tellHub, 5 * 60_000);
// As in a slide show: whoever stands before the wall turns its pages, or stops them.
addEventListener("keydown", (event) => {
  if (!playlist?.turns || menu.dialog.open || explanation.open || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === " " && (event.target as Element).matches("button, [role=button]")) return; // it presses the button
  const turn = turnOn(event.key, playlist);
  if (turn === null) return;
  turn();
  event.preventDefault();
});
for (const sign of ["pointermove", "pointerdown", "keydown"]) addEventListener(sign, () => playlist?.hold(), { passive: true });
scrolling.addEventListener("change", setUp);

applyTheme(chosenTheme() ?? "dark");
stage.say(element("p", {}, say("live.connecting")));
standAgain();
tellTime();
await redeemToken();
if (view.has("asOf")) await showPast();
else reconnect();
await keepPage("/screens/");

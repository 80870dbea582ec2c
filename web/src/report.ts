// One report: what became of it, and what its citizen may do with it.

import { instantOf } from "./clock.ts";
import type { CommentItem, ReportDetail, ReportItem } from "./contract.ts";
import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { say } from "./language.ts";
import { keepPhoto, keepReport, waitingReport, waitingPhotos } from "./outbox.ts";
import { dayOfMoment, clockWords } from "./periods.ts";
import { PlaceMap } from "./places.ts";
import { redraw, toneOf, waitingCard, when } from "./report-cards.ts";
import { deliver, news, prepared } from "./sender.ts";
import { area, ask, follow, followed, newId, order, read } from "./visitor.ts";

const STARS = [1, 2, 3, 4, 5] as const;
const RATED = ["approved", "published", "closed"];
const ANSWERED_AGAIN = ["submitted", "assigned", "processing", "extended"] as const; // where a report goes on from `need_info`
const MOST_PHOTOS = 10; // of a report, those of the agency among them

export async function showReport(view: HTMLElement, id: string): Promise<void> {
  const back = element("a.other.back", { href: "#" }, say("reports.back"));
  let waits = (await waitingReport(id)) !== undefined;
  const answer = await ask(`/${id}`).catch(() => null);
  if (answer === null || !answer.ok) {
    view.replaceChildren(back, element("h1", {}, say("reports.title")), element("p.note", { role: "status" }, say(answer?.status === 404 ? "reports.unknown" : "reports.unreachable")));
    return;
  }
  const report = (await answer.json()) as ReportDetail;
  const again = (): Promise<void> => showReport(view, id);
  const own = report.channel != null; // told to who has to do with it only
  const map = new PlaceMap({});
  const place = [report.unit_name, report.address, report.coarse && say("reports.roughly")].filter(Boolean).join(" · ");
  const coming = element("ul.cards", { "aria-live": "polite" });
  view.replaceChildren(element(
    "article", {},
    back,
    element("h1", {}, report.category_name),
    element("p.facts", { "data-progress": toneOf(report) }, element("span.state", {}, report.label), ` · ${[say("reports.number", { n: report.number }), when(report.received_at), deadline(report)].filter(Boolean).join(" · ")}`),
    own && report.published_at === null && element("p.note", {}, say("reports.private")),
    element("p.words", {}, report.description),
    photos(report, "before"),
    coming,
    own && report.state === "need_info" && question(report, again),
    report.reply && element(
      "div.reply", { "data-progress": toneOf(report) },
      element("b", {}, report.agency_name ?? say("reports.reply")), report.outcome && element("span.state", {}, say(`reports.outcome.${report.outcome}`)), element("p.words", {}, report.reply),
    ),
    photos(report, "after"),
    refusal(report),
    original(report),
    own && judgement(report, again),
    own && report.moves.includes("rejected") && withdrawing(report, again),
    !own && following(report, again),
    element(
      "div.columns", {},
      element("section", {}, element("h2", {}, say("reports.history")), history(report)),
      element("section", {}, report.point && element("h2", {}, say("reports.where")), place !== "" && element("p.facts", {}, place), report.point && map.element),
    ),
    comments(report, own),
  ));
  const draw = async (): Promise<void> => {
    const one = await waitingReport(id);
    if (!view.contains(coming)) return news.removeEventListener("change", draw);
    if (one === undefined && waits) return again(); // all photos are there
    waits = one !== undefined;
    redraw(coming, one === undefined ? [] : [await waitingCard(one)]);
  };
  news.addEventListener("change", draw);
  void draw();
  if (report.point) {
    map.choose(report.point, { close: false });
    map.show((await area()).places, []);
  }
}

function exactly(moment: string): string {
  const instant = instantOf(moment);
  return `${clockWords(instant)}\u00a0${dayOfMoment(instant)}`;
}

function deadline(report: ReportItem): string | null {
  const due = report.state === "submitted" ? report.intake_due_at : report.handling_due_at;
  if (!due || ["resolved", "approved", "published", "closed", "rejected", "need_info"].includes(report.state)) return null;
  return say(report.late ? "reports.late" : "reports.due", { when: exactly(due) });
}

function photos(report: ReportDetail, kind: "before" | "after"): HTMLElement | null {
  const shown = report.photos.filter((photo) => photo.kind === kind);
  if (shown.length === 0) return null;
  return element("div.photos", {}, ...shown.map((photo) => element(
    "figure", {},
    element("a", { href: photo.full }, element("img", { src: photo.screen, alt: say(`reports.photo.${kind}`, { n: photo.n }), loading: "lazy", width: photo.width, height: photo.height })),
    element("figcaption", {}, say(`reports.${kind}`)),
  )));
}

function history({ events }: ReportDetail): HTMLElement {
  return element("ol.history", {}, ...events.map((event, place) => element(
    "li", {}, element("b", {}, event.label), element("span.facts", {}, ` · ${exactly(event.at)}`),
    event.agency_name ? element("p.facts", {}, event.agency_name) : null,
    event.rejection ? element("p", {}, say(`reports.rejection.${event.rejection}`)) : null,
    event.reason ? element("p.words", {}, event.reason) : null,
    // The last answer stands above.
    event.reply && events.slice(place + 1).some(({ reply }) => reply) ? element("p.words", {}, event.reply) : null,
  )));
}

/** Why it was not taken. */
function refusal({ state, events }: ReportDetail): HTMLElement | null {
  const last = events.at(-1);
  if (state !== "rejected" || !last?.rejection) return null;
  return element("div.reply", { "data-progress": "answered" }, element("b", {}, say(`reports.rejection.${last.rejection}`)), last.reason ? element("p.words", {}, last.reason) : null);
}

/** What this one repeats; its answer is this one's, too. */
function original({ original: first }: ReportDetail): HTMLElement | null {
  if (!first) return null;
  const name = say("reports.original", { n: first.number });
  return element(
    "div.reply", { "data-progress": first.outcome === "fixed" || first.outcome === "partly" ? "fixed" : "answered" },
    element("b", {}, first.published_at === null ? name : element("a", { href: `#${first.id}` }, name)),
    element("span.state", {}, first.outcome ? say(`reports.outcome.${first.outcome}`) : say(`reports.stage.${first.stage}`)),
    first.reply && element("p.words", {}, first.reply),
  );
}

// --- what may be done ---

/** A form that does one thing. What was written stays in it until the hub has taken it. */
function deed(title: string, parts: (HTMLElement | null)[], button: string, send: () => Promise<unknown>, done: () => Promise<void>): HTMLElement {
  const said = element("p.said", { role: "alert" });
  const submit = element("button.other.go", { type: "submit" }, button);
  const form = element("form.deed", { novalidate: true }, element("h2", {}, title), ...parts, element("p.deeds", {}, submit), said);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit.disabled = true;
    said.removeAttribute("data-state");
    said.textContent = say("reports.sending");
    send().then(done).catch((error: Error) => {
      submit.disabled = false;
      said.dataset["state"] = "off_track";
      said.textContent = error instanceof TypeError ? say("reports.not-sent") : error.message;
    });
  });
  return form;
}

/** A place for words, and what they are. `require` throws with what is missing. */
function wordsField(id: string, label: string): { field: HTMLElement; words: () => string | undefined; require: (missing: string) => string } {
  const control = element("textarea", { id, rows: 3, maxlength: 5000 });
  const words = (): string | undefined => control.value.trim() || undefined;
  return {
    field: element("div", {}, element("label", { for: id }, label), control), words,
    require: (missing) => {
      const said = words();
      if (said !== undefined) return said;
      control.focus();
      throw new Error(missing);
    },
  };
}

/** The centre has asked something: the clock stands until it is answered. */
function question(report: ReportDetail, again: () => Promise<void>): HTMLElement | null {
  const to = report.moves.find((move) => ANSWERED_AGAIN.includes(move as "submitted"));
  if (to === undefined) return null;
  const asked = report.events.at(-1)?.reason;
  const words = wordsField("more", say("reports.more-info.words"));
  const files = element("input", { id: "more-photos", type: "file", accept: "image/*", multiple: true });
  const chosen = element("p.note", { role: "status" });
  files.addEventListener("change", () => (chosen.textContent = [...(files.files ?? [])].map(({ name }) => name).join(", ")));
  return deed(
    say("reports.more-info"), [asked ? element("p.words", {}, asked) : null, words.field, element("div", {}, files, element("label.other", { for: "more-photos" }, icon("camera"), say("reports.photos.add")), chosen)],
    say("reports.more-info.send"),
    async () => {
      const reason = words.require(say("reports.needs.answer"));
      await addPhotos(report, [...(files.files ?? [])]);
      await order("POST", `/${report.id}/transitions`, { to, reason });
    },
    again,
  );
}

/** Photos of a report that is at the hub go the way of those of a new one. */
async function addPhotos(report: ReportDetail, files: File[]): Promise<void> {
  const waits = await waitingPhotos(report.id);
  let n = Math.max(0, ...report.photos.map((photo) => photo.n), ...waits.map((photo) => photo.n));
  const added = files.slice(0, MOST_PHOTOS - n);
  if (added.length === 0) return;
  for (const file of added) await keepPhoto({ report: report.id, n: ++n, name: file.name, file: await prepared(file) });
  await keepReport({ id: report.id, at: new Date().toISOString(), step: "photos", body: { category: report.category, description: report.description }, number: report.number });
  void deliver();
}

/** Its citizen says what the answer is worth, and may say that it will not do. */
function judgement(report: ReportDetail, again: () => Promise<void>): HTMLElement | null {
  const before = report.ratings.map((rating) => element(
    "p.facts", {}, say("reports.rated", { round: rating.round, stars: rating.stars }), rating.words ? ` – “${rating.words}”` : "",
  ));
  const parts: (HTMLElement | null)[] = [];
  if (RATED.includes(report.state)) parts.push(rating(report, again));
  if (report.moves.includes("reopened")) parts.push(reopening(report, again));
  if (report.moves.includes("closed")) parts.push(deed(say("reports.close"), [element("p.note", {}, say("reports.close.note"))], say("reports.close.send"), () => order("POST", `/${report.id}/transitions`, { to: "closed" }), again));
  if (parts.length + before.length === 0) return null;
  return element("div.judgement", {}, ...before, ...parts);
}

function rating(report: ReportDetail, again: () => Promise<void>): HTMLElement {
  const given = report.ratings.find(({ round }) => round === report.round);
  const words = wordsField("rating-words", say("reports.rate.words"));
  words.field.querySelector("textarea")!.value = given?.words ?? "";
  const choices = element("fieldset.stars", {}, element("legend", {}, say("reports.rate.stars")), ...STARS.map((stars) => element(
    "label", {}, element("input", { type: "radio", name: "stars", value: stars, checked: stars === given?.stars }),
    icon("star"), element("span", {}, say(`reports.stars.${stars}`)),
  )));
  return deed(say("reports.rate"), [choices, words.field], say(given ? "reports.rate.change" : "reports.rate.send"), async () => {
    const chosen = choices.querySelector<HTMLInputElement>("input:checked");
    if (chosen === null) throw new Error(say("reports.needs.stars"));
    const said = words.words();
    await order("PUT", `/${report.id}/rating`, { stars: Number(chosen.value), ...(said !== undefined && { words: said }) });
  }, again);
}

function reopening(report: ReportDetail, again: () => Promise<void>): HTMLElement {
  const why = wordsField("reopen-why", say("reports.reopen.why"));
  return deed(say("reports.reopen"), [element("p.note", {}, say("reports.reopen.note")), why.field], say("reports.reopen.send"), () =>
    order("POST", `/${report.id}/transitions`, { to: "reopened", reason: why.require(say("reports.needs.why")) }), again);
}

/** A button that does one thing, with what there is to say beside it. */
function press(button: HTMLButtonElement, words: string, send: () => Promise<unknown>, done: () => Promise<void>): HTMLElement {
  const said = element("span.said", { role: "status" }, words);
  button.addEventListener("click", () => {
    button.disabled = true;
    send().then(done).catch((error: Error) => {
      button.disabled = false;
      said.dataset["state"] = "off_track";
      said.textContent = error instanceof TypeError ? say("reports.not-sent") : error.message;
    });
  });
  return element("p.deeds", {}, button, said);
}

function withdrawing(report: ReportDetail, again: () => Promise<void>): HTMLElement {
  const button = element("button.other", { type: "button" }, icon("trash"), say("reports.withdraw"));
  return press(button, say("reports.withdraw.note"), async () => {
    if (confirm(say("reports.withdraw.sure"))) await order("POST", `/${report.id}/transitions`, { to: "rejected", rejection: "withdrawn" });
  }, again);
}

function following(report: ReportDetail, again: () => Promise<void>): HTMLElement | null {
  const mine = followed().some(({ id }) => id === report.id);
  const note = mine ? say("reports.followed") : report.followers > 0 ? say("reports.followers", { n: report.followers }) : "";
  const button = element("button.other", { type: "button", "aria-pressed": String(mine) }, icon("bell"), say(mine ? "reports.unfollow" : "reports.follow.too"));
  return press(button, note, () => follow({ id: report.id, category_name: report.category_name }, !mine), again);
}

function comments(report: ReportDetail, own: boolean): HTMLElement {
  const list = element("ul.comments", {});
  const show = async (): Promise<void> => {
    const items = await read<{ items: CommentItem[] }>(`/${report.id}/comments?limit=200`).then(({ items }) => items, () => []);
    list.replaceChildren(...items.map((one) => element(
      "li", {}, element("b", {}, one.own && own ? say("reports.comment.you") : say(`reports.comment.${one.by}`)), element("span.facts", {}, ` · ${exactly(one.at)}`),
      one.own && own && !one.shown ? element("span.facts", {}, ` · ${say("reports.comment.hidden")}`) : null,
      element("p.words", {}, one.words),
    )));
  };
  void show();
  let id = newId(); // of these words, however often they are sent
  const words = wordsField("comment", say("reports.comment.words"));
  const said = element("p.note", { role: "status" });
  const form = deed(say("reports.comments"), [list, words.field], say("reports.comment.send"), async () => {
    await order("POST", `/${report.id}/comments`, { id, words: words.require(say("reports.needs.words")) });
  }, async () => {
    id = newId();
    words.field.querySelector("textarea")!.value = "";
    form.querySelector("button")!.disabled = false;
    form.querySelector(".said")!.textContent = "";
    said.textContent = say(own ? "reports.comment.sent" : "reports.comment.waits");
    await show();
  });
  form.append(said);
  return form;
}

// --- just sent ---

/** How far a report is that was sent from here, until the hub has all of it. */
export async function showSent(view: HTMLElement, id: string, refused: () => void): Promise<void> {
  const title = element("h1", {}, say("reports.sending"));
  const status = element("div", { role: "status" });
  const list = element("ul.cards", {});
  view.replaceChildren(title, status, list);
  let thanked = false;
  const draw = async (): Promise<void> => {
    const one = await waitingReport(id);
    if (!view.contains(title)) return news.removeEventListener("change", draw);
    if (one?.step === "draft") {
      news.removeEventListener("change", draw);
      return refused();
    }
    redraw(list, one === undefined ? [] : [await waitingCard(one)]);
    if (one?.step === "report" || thanked) return;
    thanked = true;
    const number = one?.number ?? (await read<ReportDetail>(`/${id}`).then((report) => report.number, () => null));
    if (number === null) { // discarded
      location.hash = "#";
      return;
    }
    title.textContent = say("reports.thanks");
    status.replaceChildren(
      element("p.lead", {}, say("reports.thanks.text", { n: number })),
      element("p", {}, element("a.main", { href: `#${id}` }, say("reports.follow"))),
    );
  };
  news.addEventListener("change", draw);
  await draw();
}

// Reports in lists: those of everybody, what waits here to be sent, and what others have sent about the same.

import { instantOf } from "./clock.ts";
import type { ReportItem, SimilarItem } from "./contract.ts";
import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { say } from "./language.ts";
import { isLasting, waitingPhotos, type Waiting } from "./outbox.ts";
import { ago, dayOfMoment } from "./periods.ts";
import { deliver, discard, progressOf } from "./sender.ts";

const OPEN = ["submitted", "need_info", "accepted", "assigned", "returned", "processing", "extended", "reopened", "resolved", "approved"];

/** What the colour of a report says. */
export function toneOf({ state, outcome }: ReportItem): "open" | "answered" | "fixed" {
  if (OPEN.includes(state)) return "open";
  return outcome === "fixed" || outcome === "partly" ? "fixed" : "answered";
}

export function when(moment: string): string {
  return ago(instantOf(moment), Date.now());
}

export function card(report: ReportItem): HTMLElement {
  const facts = [report.category_name, report.unit_name, when(report.received_at)].filter(Boolean).join(" · ");
  return element("li", {}, element(
    "a", { href: `#${report.id}` },
    element("b", {}, report.description),
    element("span.facts", { "data-progress": toneOf(report) }, element("span.state", {}, report.label), ` · ${facts}`),
  ));
}

/** Of a report that is not public the hub gives an outline only. */
export function similarCard(report: SimilarItem, follow: () => Promise<void>): HTMLElement {
  const whole = "description" in report;
  const facts = whole
    ? [report.label, say("reports.away", { n: report.metres }), when(report.received_at)]
    : [say(`reports.stage.${report.stage}`), say("reports.away.about", { n: report.metres }), dayOfMoment(instantOf(report.received_on))];
  const said = element("span.said", { role: "status" });
  const button = element("button.other", { type: "button" }, icon("bell"), say("reports.follow.instead"));
  button.addEventListener("click", () => {
    button.disabled = true;
    follow().catch((error: Error) => {
      button.disabled = false;
      said.dataset["state"] = "off_track";
      said.textContent = error instanceof TypeError ? say("reports.unreachable") : error.message;
    });
  });
  return element(
    "li.card", {},
    element("b", {}, whole ? report.description : report.category_name), element("span.facts", {}, facts.join(" · ")),
    element("p.deeds", {}, button, whole && element("a.other", { href: `#${report.id}` }, say("reports.look")), said),
  );
}

/** What was written here and is not at the hub yet: how far it is, and how to give it up. */
export async function waitingCard(one: Waiting): Promise<HTMLElement> {
  const photos = await waitingPhotos(one.id);
  const refused = photos.filter((photo) => photo.refused !== undefined);
  const going = progressOf(one.id);
  const drop = element("button.other", { type: "button" }, icon("trash"), say(one.step === "photos" ? "reports.waiting.drop-photos" : "reports.waiting.drop"));
  drop.addEventListener("click", () => {
    if (confirm(say(one.step === "photos" ? "reports.waiting.sure-photos" : "reports.waiting.sure"))) void discard(one.id);
  });
  const again = element("button.other", { type: "button" }, icon("again"), say("reports.waiting.now"));
  again.addEventListener("click", () => dispatchEvent(new Event("online")));
  return element(
    "li.card.waiting", { "data-step": one.step },
    element("b", {}, one.body.description || say("reports.draft")),
    element("span.facts", { "data-state": one.refused || refused.length > 0 ? "off_track" : "at_risk" }, element("span.state", {}, stateOf(one, photos.length - refused.length, refused.length))),
    one.refused ? element("p.said", { "data-state": "off_track" }, one.refused) : null,
    ...refused.map((photo) => element("p.said", { "data-state": "off_track" }, `${photo.name}: ${photo.refused}`)),
    going !== null && going.waits !== null && element("p.note", {}, going.waits || say(isLasting() ? "reports.bad-line" : "reports.bad-line.stay")),
    going !== null && one.step === "photos" && element("progress", { max: 1, value: going.share, "aria-label": say("reports.sending") }),
    element(
      "p.deeds", {},
      one.step === "draft" && element("a.other", { href: `#send-${one.id}` }, icon("pencil"), say("reports.draft.go-on")),
      going !== null && going.waits !== null && again,
      drop,
    ),
  );
}

function stateOf(one: Waiting, photos: number, refused: number): string {
  if (one.step === "draft") return say(one.refused ? "reports.draft.refused" : "reports.draft");
  if (one.step === "report") return photos > 0 ? say("reports.waiting.with-photos", { n: photos }) : say("reports.waiting");
  return photos > 0 ? say("reports.waiting.photos", { n: photos, number: one.number! }) : say("reports.waiting.refused", { n: refused, number: one.number! });
}

/** Show other cards; who stands on a button of one goes on standing there. */
export function redraw(list: HTMLElement, cards: HTMLElement[]): void {
  const name = list.contains(document.activeElement) ? document.activeElement!.textContent : null;
  list.replaceChildren(...cards);
  if (name !== null) [...list.querySelectorAll<HTMLElement>("a, button")].find(({ textContent }) => textContent === name)?.focus();
}

/** Go on with what waits, also when the line comes back or the page is looked at again. */
export function keepDelivering(): void {
  const go = (): void => void deliver();
  addEventListener("online", go);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && go());
  go();
}

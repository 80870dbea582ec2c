// "Where does this number come from?" (số này từ đâu): whoever presses a figure is told what stands behind it.

import { instantOf, wallTime } from "./clock.ts";
import type { Explanation, ExplainedPart, ExplainedReading } from "./contract.ts";
import { element } from "./element.ts";
import { syntheticMark } from "./figures.ts";
import { language, say, sayWhyNot, type Word } from "./language.ts";
import { qualifier, writeExactly } from "./numbers.ts";
import { clockWords, dayOfMoment, momentWords, periodWords } from "./periods.ts";
import { problemOf } from "./stream.ts";

const READINGS = 50; // that are shown, the newest
const PATIENCE = 30_000; // milliseconds

type Named = Pick<Explanation, "indicator" | "name" | "measure">;

/** A dialog about each figure of the stage that is pressed. `asOf`: the instant as of which the figures are shown. */
export function makeExplanation(stage: HTMLElement, asOf: string | null): HTMLDialogElement {
  const words = element("div.told", { tabindex: 0 }); // it scrolls, also with the keys
  const close = element("button", { type: "button" }, say("dialog.close"));
  const dialog = element("dialog.explanation", { "aria-label": say("explain.title") }, words, close);
  let asking = new AbortController();
  const explain = ({ dataset }: HTMLElement): void => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    words.replaceChildren(element("p", { role: "status" }, say("explain.asking")));
    dialog.showModal();
    void ask(dataset, asOf, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)])).then((nodes) => signal.aborted || words.replaceChildren(...nodes));
  };
  stage.addEventListener("click", (event) => {
    const figure = (event.target as Element).closest<HTMLElement>("[data-period]");
    if (figure !== null) explain(figure);
  });
  stage.addEventListener("keydown", (event) => {
    const figure = event.target as HTMLElement;
    if (!figure.matches("[data-period]") || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    explain(figure);
  });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => asking.abort());
  return dialog;
}

/** What stands behind a figure, or why that cannot be told. */
async function ask({ indicator, unit, period }: DOMStringMap, asOf: string | null, signal: AbortSignal): Promise<Node[]> {
  const asked = (address: string): Promise<Response> => {
    const query = new URLSearchParams({ indicator: indicator!, unit: address, period: period! });
    if (asOf !== null) query.set("asOf", asOf);
    return fetch(`/v1/aggregates/explain?${query}`, { headers: { "Accept-Language": language }, signal });
  };
  try {
    let answer = await asked(unit!);
    let problem = answer.ok ? null : await problemOf(answer);
    if (problem?.errors?.[0]?.code === "unit-ambiguous") {
      // A code that was given anew within the period: the wall shows whose it is on the day that it shows.
      answer = await asked(`${unit}@${(asOf ?? wallTime(Date.now()).toISOString()).slice(0, 10)}`);
      problem = answer.ok ? null : await problemOf(answer);
    }
    if (problem === null) return told((await answer.json()) as Explanation);
    return [element("p", { role: "alert" }, problem.status === 401 ? say("explain.withheld") : problem.detail || say("explain.failed"))];
  } catch {
    return [element("p", { role: "alert" }, say("explain.failed"))];
  }
}

function told(one: Explanation): Node[] {
  const { figure, numerator, denominator } = one;
  const ratio = [numerator, denominator].filter((part) => part != null);
  const { units: [have, all], periods: [known, expected] } = figure.coverage;
  const added = figure.origin === "derived" && one.over_time !== "cumulative" && one.over_time !== "last"; // else the last period is enough
  const before = qualifier(figure.note);
  const facts = [
    figure.origin === "derived" && all > 1 && say("coverage", { have, all }),
    added && expected > 1 && say("explain.periods", { have: known, all: expected }),
    figure.status && figure.status !== "final" && say(`status.${figure.status}`),
    before === "" && figure.note,
  ].filter((fact) => fact);
  const indicators = ratio.length > 0 ? ratio : [one];
  return [
    element("p.place", {}, `${one.unit_name} · ${periodWords(one.period)}`),
    element("h2", {}, one.name),
    one.waiting_since && element("p.waiting", {}, say("explain.waiting", { since: momentWords(instantOf(one.waiting_since), Date.now()) })),
    element("p.exactly", {}, before && `${before} `, figure.value === null ? sayWhyNot(figure.reason) : writeExactly(figure.value, one.measure), " ", syntheticMark(figure.synthetic)),
    element("p", {}, one.rule),
    ratio.length > 0 && element("ul", {}, ...ratio.map(({ name, period, value, reason, measure }) => element(
      "li", {}, `${name}, ${periodWords(period)}: `, element("b", {}, value === null ? sayWhyNot(reason) : writeExactly(value, measure)),
    ))),
    facts.length > 0 && element("p.origin", {}, facts.join(" · ")),
    ...indicators.map(({ indicator, name, measure }) =>
      partsOf(one.parts.filter((part) => part.indicator === indicator), ratio.length > 0 ? name : say("explain.parts"), measure)),
    readingsOf(one.readings.slice(0, READINGS), one.readings_total, indicators),
  ].filter((node) => node instanceof Node);
}

/** The largest first: that is where one looks for what made the sum. */
function partsOf(parts: ExplainedPart[], caption: string, measure: string): HTMLElement | null {
  if (parts.length === 0) return null;
  const sorted = [...parts].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  return tableOf(caption, [say("table.unit"), say("explain.value"), say("explain.span")], sorted.map((part) => [
    part.unit_name, amount(part.value, measure), spanOf(part),
  ]));
}

function spanOf({ base_periods: n, first_period, last_period }: ExplainedPart): string {
  const first = periodWords(first_period);
  return n === 1 ? first : say("explain.span.of", { n, first, last: periodWords(last_period) });
}

function readingsOf(readings: ExplainedReading[], all: number, indicators: Named[]): HTMLElement | null {
  if (readings.length === 0) return null;
  const caption = readings.length < all ? say("explain.readings.newest", { n: readings.length, all }) : say("explain.readings", { n: all });
  const several = indicators.length > 1;
  const heads: (Word | false)[] = [
    "explain.period", several && "explain.indicator", "table.unit", "explain.value", "sources.name", "explain.received", "explain.batch",
  ];
  return tableOf(caption, heads.filter((head) => head !== false).map((head) => say(head)), readings.map((one) => {
    const { name, measure } = indicators.find(({ indicator }) => indicator === one.indicator)!;
    return [
      periodWords(one.period), ...(several ? [name] : []), one.unit_name,
      element("td.amount", {}, writeExactly(one.value, measure), one.corrections > 0 && element("small", {}, ` (${say("explain.corrected", { n: one.corrections })})`)),
      element("td", {}, one.source_name, " ", syntheticMark(one.synthetic, { brief: true })), arrival(one.received_at), String(one.batch),
    ];
  }));
}

function amount(value: number, measure: string): HTMLElement {
  return element("td.amount", {}, writeExactly(value, measure));
}

/** `14:32, 22/11/2026`. */
function arrival(moment: string): string {
  const instant = instantOf(moment);
  return `${clockWords(instant)}, ${dayOfMoment(instant)}`;
}

function tableOf(caption: string, heads: string[], rows: (string | HTMLElement)[][]): HTMLElement {
  return element(
    "div.sideways", {},
    element(
      "table", {},
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell) => (typeof cell === "string" ? element("td", {}, cell) : cell))))),
    ),
  );
}

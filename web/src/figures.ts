// The parts of which every kind of widget makes its figures: value, change, age, marks.

import { ageOf } from "./ages.ts";
import { instantOf } from "./clock.ts";
import { compare } from "./comparisons.ts";
import type { Comparison, Figure, State } from "./contract.ts";
import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { say, sayWhyNot } from "./language.ts";
import { qualifier, write, writeExactly } from "./numbers.ts";
import { originWords } from "./origins.ts";
import { dayOfMoment, ofTheWeek, periodWordsBeside, upTo } from "./periods.ts";
import type { Scene } from "./scene.ts";
import { targetWords } from "./targets.ts";

/** What an element carries that may be pressed to learn where its figure comes from: see explanation.ts. */
export function pressable({ indicator, unit, period }: { indicator: string; unit: string; period: string | null }): Record<string, string | number> {
  return period === null ? {} : { role: "button", tabindex: 0, "aria-haspopup": "dialog", "data-indicator": indicator, "data-unit": unit, "data-period": period };
}

/** The number and its measure, or why there is none. `key` lets the panel see that the number has changed. */
export function valueOf(figure: Figure, key = "value"): HTMLElement {
  if (figure.value === null) return element("p.value.absent", {}, sayWhyNot(figure.reason));
  const { number, measure } = write(figure.value, figure.measure);
  const before = qualifier(figure.note);
  return element(
    "p.value", { title: writeExactly(figure.value, figure.measure), ...pressable(figure) },
    before && element("span.qualifier", {}, `${before} `),
    element("span.number", { "data-key": key }, number),
    measure === "%" ? element("span.measure.tight", {}, "%") : measure && element("span.measure", {}, ` ${measure}`),
  );
}

/** `↗ +2,3% so cùng kỳ`, green or red by what is good for this indicator; or why that cannot be said. Without words the legend says with what it compares. */
export function changeOf(figure: Figure, comparison: Comparison | null | undefined, words: string): HTMLElement | null {
  const compared = comparison ? compare(figure, comparison) : null;
  if (!comparison || compared === null) return null;
  if ("why" in compared)
    return element("p.change.why", { "data-wordless": words === "" }, element("span", {}, words ? `${words}: ${compared.why}` : compared.why));
  const { change, direction, tone } = compared;
  return element(
    "p.change", { "data-tone": tone, "data-wordless": words === "" },
    icon(direction > 0 ? "up" : direction < 0 ? "down" : "flat"),
    element("b", {}, change),
    words && element("span", {}, ` ${words}`),
    comparison.partial && words !== "" && element("span.aside", {}, ` (${whatIsMissing(comparison)})`),
  );
}

function whatIsMissing({ coverage: { units: [have, all] } }: Comparison): string {
  return have < all ? say("coverage", { have, all }) : say("partial");
}

/** Names the period, as far as it counts: `so với 20/11`, `so với tháng 10 đến 21/10`, `so với thứ bảy 14/11`. */
export function changeOnPeriod(figure: Figure, comparison: Comparison | null | undefined, now: number): HTMLElement | null {
  if (!comparison?.period || figure.period === null) return null;
  const beside = periodWordsBeside(comparison.period, figure.period);
  const words = comparison === figure.week_ago ? ofTheWeek(comparison.period, beside) : beside;
  const compared = comparison.until ? say("period.up-to", { period: words, when: upTo(comparison.until, comparison.period, now) }) : words;
  return changeOf(figure, comparison, say("compare.previous", { period: compared }));
}

export function targetOf(figure: Figure): HTMLElement | null {
  const words = targetWords(figure);
  return words === null ? null : element("p.target", {}, element("span", {}, words));
}

export function stateMark(state: State | null | undefined): HTMLElement | null {
  if (!state) return null;
  return element("span.state", { "data-state": state, role: "img", "aria-label": say(`state.${state}`) }, icon(`state.${state}`));
}

/** Made-up figures are marked wherever they stand; in narrow places by the sign alone. */
export function syntheticMark(synthetic: boolean | undefined, { brief = false } = {}): HTMLElement | null {
  if (!synthetic) return null;
  if (brief) return element("span.synthetic", { role: "img", "aria-label": say("synthetic"), title: say("synthetic.long") }, icon("synthetic"));
  return element("span.synthetic", { title: say("synthetic.long") }, icon("synthetic"), element("span", {}, say("synthetic")));
}

/** The same of many: how many of them are made up, where that is not all. */
export function syntheticMarkOf(some: { synthetic?: boolean }[]): HTMLElement | null {
  const n = some.filter((one) => one.synthetic).length;
  const mark = syntheticMark(n > 0);
  if (mark !== null && n < some.length) mark.lastElementChild!.textContent = say("synthetic.some", { n, all: some.length });
  return mark;
}

/** What must be known before the number is believed; whoever points at it is told who says so. */
export function originOf(figure: Figure, scene: Scene, { brief = false } = {}): HTMLElement | null {
  if (figure.value === null) return null;
  return element("p.origin", { title: figure.sources?.join("; ") }, originWords(figure, scene, brief), " ", syntheticMark(figure.synthetic));
}

/** Nothing while it is fresh; then since when nobody has sent a newer one. */
export function ageMark(figure: Figure, now: number): HTMLElement | null {
  const age = ageOf(figure, now);
  if (age === null || age === "fresh") return null;
  // Measured up to the end of its period: midnight belongs to the day before.
  const last = figure.observed_at ? dayOfMoment(instantOf(figure.observed_at) - 1) : "";
  const words = age === "due" ? say("age.due") : say("age.late", { when: last });
  return element("p.age", { "data-age": age }, icon(`age.${age}`), element("span", {}, words));
}

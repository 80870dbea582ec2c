// Targets and tasks by what became of them: how many are done, and of the others why not.

import { ageOf } from "../ages.ts";
import type { Outcome, ProgressData } from "../contract.ts";
import { element } from "../element.ts";
import { ageMark, originOf, pressable } from "../figures.ts";
import { icon } from "../icons.ts";
import { say, sayWhyNot } from "../language.ts";
import { measureWord } from "../measures.ts";
import { writeLine } from "../numbers.ts";
import type { Drawing } from "../panel.ts";
import type { Scene } from "../scene.ts";

export function progress({ total, parts }: ProgressData, scene: Scene): Drawing {
  const done = parts.find((part) => part.outcome === "done")?.figure;
  const headline = done && done.value !== null
    ? element(
        "p.value", pressable(done),
        element("span.number", { "data-key": "done" }, writeLine(done.value, "1")),
        element("span.measure", {}, ` ${say("outcome.done")}`),
        " ", // outside: where the line is short it ends here
        total.value !== null && element("span.measure", {}, `${say("progress.of", { total: `${writeLine(total.value, "1")} ${measureWord(total.measure)}` })}`),
      )
    : element("p.value.absent", {}, sayWhyNot(total.reason));
  const known = parts.filter((part) => (part.figure.value ?? 0) > 0);
  return {
    title: total.name,
    nodes: [
      element("div.headline", { "data-age": ageOf(total, scene.now) }, headline),
      element("div.parts", { "aria-hidden": "true" }, ...known.map(({ outcome, figure }) =>
        element("span", { "data-outcome": outcome, "--part": figure.value }, icon(`outcome.${outcome}`)))),
      element("ul.outcomes", {}, ...parts.map(({ outcome, figure }) => element(
        "li", { "data-outcome": outcome },
        icon(`outcome.${outcome}`),
        element("b", { "data-key": outcome, ...pressable(figure) }, figure.value === null ? "–" : writeLine(figure.value, "1")),
        element("span", {}, say(`outcome.${outcome satisfies Outcome}`)),
      ))),
      element("div.foot", {}, originOf(total, scene), ageMark(total, scene.now)),
    ],
  };
}

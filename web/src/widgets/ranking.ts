// The units below, best and worst: a name, a bar, a number.

import type { RankedFigure, RankingData } from "../contract.ts";
import { element } from "../element.ts";
import { endsOf } from "../ends.ts";
import { pressable, syntheticMark, syntheticMarkOf } from "../figures.ts";
import { say, sayWhyNot } from "../language.ts";
import { writeExactly, writeLine } from "../numbers.ts";
import type { Drawing } from "../panel.ts";
import { periodSoFar } from "../periods.ts";
import type { Scene } from "../scene.ts";
import { shortName } from "../units.ts";

export function ranking(data: RankingData, scene: Scene, room: number): Drawing {
  const { best, worst, more } = endsOf(data, room);
  const shown = [...best, ...worst];
  if (shown.length === 0) return { title: data.name, nodes: [element("p.value.absent", {}, sayWhyNot(data.reason))] };
  const mixed = shown.some((one) => one.synthetic) && !shown.every((one) => one.synthetic);
  const most = Math.max(...shown.map((one) => Math.abs(one.value ?? 0)));
  const lines = (rows: RankedFigure[]): HTMLElement[] => rows.map((one) => row(one, data, most, mixed, one.unit === scene.unit));
  return {
    title: data.name,
    nodes: [
      element("ol.bars", {}, ...lines(best), more && element("li.more", {}, element("span", {}, `… ${more}`)), ...lines(worst)),
      element(
        "div.foot", {},
        element(
          "p.origin", {},
          [data.period && periodSoFar(data.period, data.observed_at, scene.now), orderOf(data), data.without > 0 && say("ranking.without", { n: data.without, all: data.units })].filter(Boolean).join(" · "),
          " ", syntheticMarkOf(shown),
        ),
      ),
    ],
  };
}

/** Said where the first is not the largest. */
function orderOf({ direction, measure }: RankingData): string | null {
  if (direction !== "down_good") return null;
  return say(measure === "%" ? "ranking.lowest" : "ranking.fewest");
}

function row(one: RankedFigure, { indicator, measure, period }: RankingData, most: number, mixed: boolean, own: boolean): HTMLElement {
  const value = one.value ?? 0;
  return element(
    "li", { "data-own": own },
    element("span.rank", {}, one.rank === null ? "" : String(one.rank)),
    element("span.name", { title: one.unit_name }, shortName(one.unit_name)),
    element("span.bar", { "aria-hidden": "true", "--part": most === 0 ? 0 : Math.abs(value) / most }),
    element(
      "span.amount", { "data-key": one.unit, title: writeExactly(value, measure), ...pressable({ indicator, unit: one.unit, period }) },
      mixed && syntheticMark(one.synthetic, { brief: true }), writeLine(value, measure),
    ),
  );
}

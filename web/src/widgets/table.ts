// The units below, by some indicators.

import type { TableData } from "../contract.ts";
import { element } from "../element.ts";
import { pressable, stateMark, syntheticMark, syntheticMarkOf } from "../figures.ts";
import { say, sayWhyNot } from "../language.ts";
import { sharedWord } from "../measures.ts";
import { writeExactly, writeShort } from "../numbers.ts";
import type { Drawing } from "../panel.ts";
import { periodSoFar } from "../periods.ts";
import { turnOf, type Scene } from "../scene.ts";
import { shortName } from "../units.ts";

export function table({ indicators, rows, reason }: TableData, scene: Scene, room: number): Drawing {
  if (rows.length === 0) return { title: null, nodes: [element("p.value.absent", {}, sayWhyNot(reason))] };
  const cells = rows.flatMap((row) => row.cells);
  const valued = cells.filter((cell) => cell.value !== null);
  const mixed = valued.some((cell) => cell.synthetic) && !valued.every((cell) => cell.synthetic);
  const periods = new Set(rows.flatMap((row) => row.cells.flatMap(({ period }, place) =>
    period === null ? [] : [periodSoFar(period, indicators[place]!.observed_at, scene.now)])));
  const { shown, place } = turnOf(rows, room, scene.now);
  return {
    title: null,
    nodes: [
      element(
        "table", {},
        element("thead", {}, element(
          "tr", {},
          element("th", { scope: "col" }, say("table.unit")),
          ...indicators.map((one) => element("th", { scope: "col" }, one.name, measureNote(one.measure))),
        )),
        element("tbody", {}, ...shown.map((row) => element(
          "tr", { "data-own": row.unit === scene.unit },
          element("th", { scope: "row", title: row.unit_name }, shortName(row.unit_name)),
          ...row.cells.map((cell, place) => {
            const one = indicators[place]!;
            if (cell.value === null) return element("td.absent", { title: sayWhyNot(cell.reason) }, "–");
            return element(
              "td", { title: writeExactly(cell.value, one.measure), "data-partial": cell.partial },
              mixed && syntheticMark(cell.synthetic, { brief: true }), stateMark(cell.state),
              element("span", { "data-key": `${row.unit} ${one.indicator}`, ...pressable({ indicator: one.indicator, unit: row.unit, period: cell.period }) }, writeShort(cell.value, one.measure)),
            );
          }),
        ))),
      ),
      element(
        "div.foot", {},
        element("p.origin", {}, [[...periods].join("; "), place].filter(Boolean).join(" · "), " ", syntheticMarkOf(valued)),
      ),
    ],
  };
}

function measureNote(measure: string): HTMLElement | null {
  const word = sharedWord(measure);
  return word === "" ? null : element("small", {}, ` (${word})`);
}

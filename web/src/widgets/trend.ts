// One indicator over time; last year's beside it, quieter.

import { ageOf } from "../ages.ts";
import type { ChartOption, ChartStyle } from "../charts.ts";
import type { TrendData } from "../contract.ts";
import { element } from "../element.ts";
import { ageMark, changeOf, originOf, valueOf } from "../figures.ts";
import { say } from "../language.ts";
import { writeLine, writeShort } from "../numbers.ts";
import type { Drawing } from "../panel.ts";
import { periodTick, periodWords } from "../periods.ts";
import type { Scene } from "../scene.ts";

export function trend({ figure, points }: TrendData, scene: Scene): Drawing {
  const lastYear = points.some((point) => point.year_ago != null);
  const drawable = points.some((point) => point.value !== null);
  return {
    title: figure.name,
    nodes: [
      element(
        "div.headline", { "data-age": ageOf(figure, scene.now) },
        valueOf(figure), changeOf(figure, figure.year_ago, say("compare.year_ago")),
      ),
      drawable && element("div.chart", { role: "img", "aria-label": inWords(points, figure.measure) }),
      element(
        "div.foot", {},
        originOf(figure, scene, { brief: true }),
        lastYear && element("p.beside", {}, say("trend.last")),
        ageMark(figure, scene.now),
      ),
    ],
    ...(drawable ? { chart: (style: ChartStyle) => option(points, figure.measure, lastYear, style) } : {}),
  };
}

function inWords(points: TrendData["points"], measure: string): string {
  const known = points.filter((point) => point.value !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last) return "";
  const said = [first, last].map((point) => `${periodWords(point.period)}: ${writeLine(point.value!, measure)}`);
  return said.join(" – ");
}

function option(points: TrendData["points"], measure: string, lastYear: boolean, style: ChartStyle): ChartOption {
  const { em, colour } = style;
  const last = points.length - 1;
  return {
    grid: { left: 0.1 * em, right: 0.6 * em, top: 0.6 * em, bottom: 0.2 * em, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: {
      type: "category",
      data: points.map((point) => periodTick(point.period)),
      boundaryGap: false,
      axisLine: { lineStyle: { color: colour.line } },
      axisTick: { show: false },
      axisLabel: { color: colour.quiet, fontSize: 0.92 * em, hideOverlap: true, margin: 0.5 * em, alignMinLabel: "left", alignMaxLabel: "right" },
    },
    yAxis: {
      type: "value",
      scale: measure === "%", // what lies between 92 and 97 % would be a flat line from zero
      splitNumber: style.height < 10 * em ? 2 : 3,
      axisLabel: {
        color: colour.quiet, fontSize: 0.92 * em, margin: 0.5 * em, hideOverlap: true,
        formatter: (value: number) => writeShort(value, measure),
      },
      splitLine: { lineStyle: { color: colour.line } },
    },
    series: [
      ...(lastYear
        ? [{
            type: "line" as const, silent: true, showSymbol: false,
            data: points.map((point) => point.year_ago ?? null),
            lineStyle: { color: colour.quiet, width: 0.12 * em, type: "dashed" as const },
          }]
        : []),
      {
        type: "line" as const, silent: true,
        data: points.map((point, place) => ({
          value: point.value,
          // The last one is a dot, hollow while its period goes on; so is one without neighbours, of which there is no line.
          symbol: place === last || isAlone(points, place) ? "circle" : "none",
          ...(point.partial ? { itemStyle: { color: colour.panel } } : {}),
        })),
        symbolSize: 0.55 * em,
        showAllSymbol: true,
        lineStyle: { color: colour.accent, width: 0.18 * em },
        itemStyle: { color: colour.accent, borderColor: colour.accent, borderWidth: 0.14 * em },
        areaStyle: { color: colour.accent, opacity: 0.12 },
      },
    ],
  };
}

function isAlone(points: TrendData["points"], place: number): boolean {
  return points[place - 1]?.value == null && points[place + 1]?.value == null;
}

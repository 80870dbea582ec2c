// One indicator over time; last year's beside it, quieter.

import { ageOf } from "../ages.ts";
import type { ChartOption, ChartStyle } from "../charts.ts";
import type { TrendData } from "../contract.ts";
import { element } from "../element.ts";
import { ageMark, changeOf, originOf, syntheticMarkOf, valueOf } from "../figures.ts";
import { say } from "../language.ts";
import { writeLine, writeShort } from "../numbers.ts";
import { originWords } from "../origins.ts";
import type { Drawing } from "../panel.ts";
import { hoursNamed, isUnderWay, periodTick, periodWords } from "../periods.ts";
import type { Scene } from "../scene.ts";

export function trend({ figure, latest, points }: TrendData, scene: Scene): Drawing {
  const lastYear = points.some((point) => point.year_ago != null);
  const known = points.filter((point) => point.value !== null);
  const drawable = known.length > 0;
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
        // What is not all there yet has its place beside the number, not instead of it.
        latest && element("p.latest", {}, `${originWords(latest, scene, true)}: ${writeLine(latest.value!, latest.measure)}`),
        figure.synthetic ? null : syntheticMarkOf(known), // of the points before the last
        lastYear && element("p.beside", {}, say("trend.last")),
        ...missing(known, scene.now).map((words) => element("p.missing", {}, words)),
        drawable && isZero(points) && element("p.zero", {}, say("trend.zero")),
        ageMark(figure, scene.now),
      ),
    ],
    ...(drawable ? { chart: (style: ChartStyle) => option(points, figure.measure, lastYear, style) } : {}),
  };
}

/** At how many points units or periods are missing. Of the last one the origin says how many; what is under way lacks the rest of it. */
function missing(points: TrendData["points"], now: number): string[] {
  const all = points.length;
  const [units, periods] = (["units", "periods"] as const).map((part) => points.filter(({ coverage }) => coverage && coverage[part][0] < coverage[part][1]));
  const ended = periods!.filter((point) => !units!.includes(point) && !isUnderWay(point.period, now)).length;
  return [
    units!.some((point) => point !== points.at(-1)) ? say("trend.units", { n: units!.length, all }) : "",
    ended > 0 ? say("trend.periods", { n: ended, all }) : "",
  ].filter((words) => words !== "");
}

function isZero(points: TrendData["points"]): boolean {
  return points.every((point) => !point.value && !point.year_ago);
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
  const zero = isZero(points);
  // A last point that falls short stands by itself: a line down to it would be read as a fall.
  const short = points[last]?.falls_short === true;
  const end = short ? last - 1 : last;
  const whole = points.every((point) => Number.isInteger(point.value ?? 0) && Number.isInteger(point.year_ago ?? 0));
  return {
    grid: { left: 0.1 * em, right: 0.6 * em, top: 0.6 * em, bottom: 0.2 * em, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: {
      type: "category",
      data: points.map((point) => periodTick(point.period)),
      boundaryGap: false,
      axisLine: { lineStyle: { color: colour.line } },
      axisTick: { show: false },
      axisLabel: {
        color: colour.quiet, fontSize: 0.92 * em, hideOverlap: true, margin: 0.5 * em, alignMinLabel: "left", alignMaxLabel: "right",
        interval: hoursNamed(points.map((point) => point.period), style.width / (3.5 * em)) ?? "auto",
      },
    },
    yAxis: {
      type: "value",
      scale: measure === "%", // what lies between 92 and 97 % would be a flat line from zero
      splitNumber: style.height < 10 * em ? 2 : 3,
      minInterval: whole ? 1 : 0, // there is no half of a dossier
      ...(zero ? { min: 0, max: 1, interval: 1 } : {}),
      axisLabel: {
        color: colour.quiet, fontSize: 0.92 * em, margin: 0.5 * em, hideOverlap: true,
        formatter: (value: number) => (zero && value > 0 ? "" : writeShort(value, measure)),
      },
      splitLine: { show: !zero, lineStyle: { color: colour.line } },
    },
    series: [
      ...(lastYear
        ? [{
            type: "line" as const, silent: true, showSymbol: false,
            // Beside a part of a period stands the same part of that of last year, which is no fall of the line either.
            data: points.map((point, place) => (place <= end ? (point.year_ago ?? null) : null)),
            lineStyle: { color: colour.quiet, width: 0.12 * em, type: "dashed" as const },
          }]
        : []),
      {
        type: "line" as const, silent: true,
        data: points.slice(0, end + 1).map((point, place, joined) => ({
          value: point.value,
          // The last one is a dot, and so is one without neighbours, of which there is no line. What is not all there is hollow.
          symbol: place === end || point.partial || isAlone(joined, place) ? "circle" : "none",
          symbolSize: (place === end ? 0.55 : 0.4) * em,
          ...(point.partial ? { itemStyle: { color: colour.panel } } : {}),
        })),
        showAllSymbol: true,
        lineStyle: { color: colour.accent, width: 0.18 * em },
        itemStyle: { color: colour.accent, borderColor: colour.accent, borderWidth: 0.14 * em },
        areaStyle: { color: colour.accent, opacity: 0.12 },
      },
      ...(short && lastYear ? [hollow(last, points[last]!.year_ago ?? null, 0.45 * em, colour.quiet, colour.panel)] : []),
      ...(short ? [hollow(last, points[last]!.value, 0.55 * em, colour.accent, colour.panel)] : []),
    ],
  };
}

/** A dot by itself, of what is not all there. */
function hollow(place: number, value: number | null, size: number, border: string, inside: string) {
  return {
    type: "line" as const, silent: true, showAllSymbol: true, symbol: "circle", symbolSize: size,
    data: [...Array<null>(place).fill(null), value],
    itemStyle: { color: inside, borderColor: border, borderWidth: size / 4 },
  };
}

function isAlone(points: TrendData["points"], place: number): boolean {
  return points[place - 1]?.value == null && points[place + 1]?.value == null;
}

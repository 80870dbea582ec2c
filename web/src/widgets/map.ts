// The units below where they lie: no tiles, only the places and how they stand to each other.

import type { ChartOption, ChartStyle } from "../charts.ts";
import type { MapData } from "../contract.ts";
import { element } from "../element.ts";
import { syntheticMark } from "../figures.ts";
import { say, sayWhyNot } from "../language.ts";
import { writeLine, writeShort } from "../numbers.ts";
import type { Drawing } from "../panel.ts";
import { periodWords } from "../periods.ts";
import { shortName } from "../units.ts";

const SHAPES = { on_track: "circle", at_risk: "triangle", off_track: "diamond" } as const;

export function map(data: MapData): Drawing {
  const { points, measure } = data;
  if (points.length === 0) return { title: data.name, nodes: [element("p.value.absent", {}, sayWhyNot(data.reason))] };
  const inWords = points.map((point) =>
    `${point.unit_name}: ${point.value === null ? sayWhyNot(point.reason) : writeLine(point.value, measure)}${point.state ? `, ${say(`state.${point.state}`)}` : ""}`);
  return {
    title: data.name,
    nodes: [
      element("div.chart", { role: "img", "aria-label": inWords.join("; ") }),
      element(
        "div.foot", {},
        element(
          "p.origin", {},
          [data.period && periodWords(data.period), data.elsewhere > 0 && say("map.elsewhere", { n: data.elsewhere })].filter(Boolean).join(" · "),
          " ", syntheticMark(points.some((point) => point.synthetic)),
        ),
      ),
    ],
    chart: (style) => option(points, measure, style),
  };
}

function option(points: MapData["points"], measure: string, style: ChartStyle): ChartOption {
  const { em, colour, width, height } = style;
  // Names below the places where there is height for two lines of them, else to their right.
  const low = height < 11 * em;
  const frame = low
    ? { left: em, right: 8 * em, top: 0.8 * em, bottom: 0.8 * em }
    : { left: 4 * em, right: 4 * em, top: 0.8 * em, bottom: 3.4 * em };
  const { x, y } = extents(points, (width - frame.left - frame.right) / Math.max(1, height - frame.top - frame.bottom));
  const values = points.flatMap((point) => (point.value === null ? [] : [point.value]));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const share = (value: number): number => (most > least ? (value - least) / (most - least) : 0.5);
  const crowd = points.length > 30 ? 0.6 : 1;
  return {
    grid: frame,
    xAxis: { type: "value", min: x[0], max: x[1], show: false },
    yAxis: { type: "value", min: y[0], max: y[1], show: false },
    series: [{
      type: "scatter",
      silent: true,
      data: points.map((point) => ({
        name: shortName(point.unit_name),
        value: [point.longitude, point.latitude, point.value ?? ""],
        symbol: point.state ? SHAPES[point.state] : "circle",
        symbolSize: (point.value === null ? 0.7 : point.state ? 1.2 : 0.7 + 0.8 * share(point.value)) * em * crowd,
        itemStyle: point.value === null
          ? { color: colour.panel, borderColor: colour.quiet, borderWidth: 0.1 * em }
          : { color: point.state ? colour.state[point.state] : colour.accent, opacity: 0.9 },
      })),
      label: {
        show: true, position: low ? "right" : "bottom", distance: 0.3 * em, align: low ? "left" : "center",
        color: colour.text, fontSize: 0.85 * em, lineHeight: 1.1 * em,
        formatter: (one: unknown) => {
          const { name, value } = one as { name: string; value: [number, number, number | ""] };
          return value[2] === "" ? name : `${name}${low ? " " : "\n"}{value|${writeShort(value[2], measure)}}`;
        },
        rich: { value: { color: colour.text, fontWeight: "bold", fontSize: em } },
      },
      labelLayout: { hideOverlap: true, moveOverlap: low ? "shiftY" : "shiftX" },
    }],
  };
}

const STRETCH = 1.5; // a wide panel may pull a map apart that far: names need the room more than the shape does

/** Longitudes and latitudes that show all points, nearly true to shape, in a box so many times as wide as it is high. */
export function extents(points: { latitude: number; longitude: number }[], aspect: number): { x: [number, number]; y: [number, number] } {
  const [west, east] = [Math.min(...points.map((one) => one.longitude)), Math.max(...points.map((one) => one.longitude))];
  const [south, north] = [Math.min(...points.map((one) => one.latitude)), Math.max(...points.map((one) => one.latitude))];
  const shrink = Math.cos((((south + north) / 2) * Math.PI) / 180);
  // A hundredth of a degree, a kilometre, where all are in one place.
  let width = Math.max((east - west) * shrink, 0.01);
  let height = Math.max(north - south, 0.01);
  if (width < (height * aspect) / STRETCH) width = (height * aspect) / STRETCH;
  else height = Math.max(height, width / aspect);
  const [middleX, middleY] = [(west + east) / 2, (south + north) / 2];
  const halfX = width / shrink / 2;
  return { x: [middleX - halfX, middleX + halfX], y: [middleY - height / 2, middleY + height / 2] };
}

// The units below where they lie: no tiles, only the places and how they stand to each other.

import type { ChartOption, ChartStyle } from "../charts.ts";
import type { MapData, ReportMapData } from "../contract.ts";
import { element } from "../element.ts";
import { stateMark, syntheticMarkOf } from "../figures.ts";
import { sidesOf } from "../labels.ts";
import { say, sayWhyNot } from "../language.ts";
import { sharedWord } from "../measures.ts";
import { writeLine, writeShort } from "../numbers.ts";
import type { Drawing } from "../panel.ts";
import { periodSoFar } from "../periods.ts";
import type { Scene } from "../scene.ts";
import { shortName } from "../units.ts";
import { reportMap } from "./reports.ts";

const SHAPES = { on_track: "circle", at_risk: "triangle", off_track: "diamond" } as const;
const STATES = ["on_track", "at_risk", "off_track"] as const;

export function map(data: MapData | ReportMapData, scene: Scene): Drawing {
  if ("reports" in data) return reportMap(data);
  const { points, measure } = data;
  if (points.length === 0) return { title: data.name, nodes: [element("p.value.absent", {}, sayWhyNot(data.reason))] };
  const inWords = points.map((point) =>
    `${point.unit_name}: ${point.value === null ? sayWhyNot(point.reason) : writeLine(point.value, measure)}${point.state ? `, ${say(`state.${point.state}`)}` : ""}`);
  const nameless = element("div.nameless");
  return {
    title: data.name,
    nodes: [
      element("div.chart", { role: "img", "aria-label": inWords.join("; ") }),
      nameless,
      element(
        "div.foot", {},
        keyOf(points),
        element(
          "p.origin", {},
          [sharedWord(measure), data.period && periodSoFar(data.period, data.observed_at, scene.now), data.elsewhere > 0 && say("map.elsewhere", { n: data.elsewhere })].filter(Boolean).join(" · "),
          " ", syntheticMarkOf(points.filter((point) => point.value !== null)),
        ),
      ),
    ],
    chart: (style) => {
      const { option, left } = drawn(points, measure, style);
      nameless.replaceChildren(...unnamed(left, measure, scene));
      return option;
    },
  };
}

/** Places whose names have no room on the map: where the page scrolls they stand below it, on a wall their number does. */
function unnamed(points: MapData["points"], measure: string, scene: Scene): HTMLElement[] {
  if (points.length === 0) return [];
  if (!scene.scrolls) return [element("p", {}, say("map.nameless", { n: points.length }))];
  return [element("ul", {}, ...points.map((point) => element(
    "li", {},
    stateMark(point.state), element("span", {}, shortName(point.unit_name)),
    point.value === null ? element("span.absent", {}, sayWhyNot(point.reason)) : element("b", {}, writeLine(point.value, measure)),
  )))];
}

/** What the signs on this map mean, and no others. */
function keyOf(points: MapData["points"]): HTMLElement {
  const sign = (shape: string): HTMLElement => element("span.sign", { "data-shape": shape });
  const sized = points.filter((point) => point.value !== null && !point.state).map((point) => point.value);
  return element(
    "ul.key", {},
    ...STATES.filter((state) => points.some((point) => point.value !== null && point.state === state))
      .map((state) => element("li", { "data-state": state }, sign(SHAPES[state]), say(`state.${state}`))),
    new Set(sized).size > 1 && element("li", {}, sign("small"), sign("circle"), say("map.size")),
    points.some((point) => point.value === null) && element("li", {}, sign("hollow"), sayWhyNot("no-data")),
  );
}

interface Drawn {
  option: ChartOption;
  /** The places whose names found no room on it. */
  left: MapData["points"];
}

/** The map with as many names as any way of writing them has room for: two lines for a name and its value or one, at last smaller. */
function drawn(points: MapData["points"], measure: string, style: ChartStyle): Drawn {
  const low = style.height < 11 * style.em;
  const ways = [style, { ...style, em: 0.85 * style.em }].flatMap((one) => [low, !low].map((oneLine) => () => drawnSo(points, measure, one, oneLine)));
  let best = ways[0]!();
  for (const way of ways.slice(1)) {
    if (best.left.length === 0) break;
    const other = way();
    if (other.left.length < best.left.length) best = other;
  }
  return best;
}

function drawnSo(points: MapData["points"], measure: string, style: ChartStyle, low: boolean): Drawn {
  const { em, colour, width, height } = style;
  const frame = low
    ? { left: em, right: 8 * em, top: 0.8 * em, bottom: 0.8 * em }
    : { left: 4 * em, right: 4 * em, top: 3.2 * em, bottom: 3.4 * em };
  const [across, down] = [Math.max(1, width - frame.left - frame.right), Math.max(1, height - frame.top - frame.bottom)];
  const { x, y } = extents(points, across / down);
  const values = points.flatMap((point) => (point.value === null ? [] : [point.value]));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const share = (value: number): number => (most > least ? (value - least) / (most - least) : 0.5);
  const crowd = points.length > 30 ? 0.6 : 1;
  const signOf = ({ value, state }: MapData["points"][number]): number =>
    (value === null ? 0.7 : state ? 1.2 : 0.7 + 0.8 * share(value)) * em * crowd;
  const [nameSize, valueSize, line, gap] = [0.85 * em, em, 1.1 * em, 0.3 * em];
  // Where there is no room for all names, the places that want attention keep theirs.
  const urgency = ({ value, state }: MapData["points"][number]): number =>
    value === null ? -1 : (state ? STATES.indexOf(state) : 0) + share(value);
  const shown = [...points].sort((a, b) => urgency(b) - urgency(a));
  const sides = sidesOf(
    shown.map((point) => {
      const name = style.widthOf(shortName(point.unit_name), nameSize, 400);
      const value = point.value === null ? 0 : style.widthOf(writeShort(point.value, measure), valueSize, 600);
      return {
        x: frame.left + (across * (point.longitude - x[0])) / (x[1] - x[0]),
        y: frame.top + (down * (y[1] - point.latitude)) / (y[1] - y[0]),
        sign: signOf(point),
        width: low ? name + value + gap : Math.max(name, value),
        height: low || point.value === null ? line : 2 * line,
      };
    }),
    { width, height }, gap, low ? ["right", "left", "bottom", "top"] : ["bottom", "right", "left", "top"],
  );
  const option: ChartOption = {
    grid: frame,
    xAxis: { type: "value", min: x[0], max: x[1], show: false },
    yAxis: { type: "value", min: y[0], max: y[1], show: false },
    series: [{
      type: "scatter",
      silent: true,
      data: shown.map((point, place) => ({
        name: shortName(point.unit_name),
        value: [point.longitude, point.latitude, point.value ?? ""],
        symbol: point.state ? SHAPES[point.state] : "circle",
        symbolSize: signOf(point),
        itemStyle: point.value === null
          ? { color: colour.panel, borderColor: colour.quiet, borderWidth: 0.1 * em }
          : { color: point.state ? colour.state[point.state] : colour.accent, opacity: 0.9 },
        label: { show: sides[place] !== null, position: sides[place] ?? "bottom" },
      })),
      label: {
        distance: gap, color: colour.text, fontSize: nameSize, lineHeight: line,
        formatter: (one: unknown) => {
          const { name, value } = one as { name: string; value: [number, number, number | ""] };
          return value[2] === "" ? name : `${name}${low ? " " : "\n"}{value|${writeShort(value[2], measure)}}`;
        },
        rich: { value: { color: colour.text, fontWeight: "bold", fontSize: valueSize } },
      },
    }],
  };
  return { option, left: shown.filter((_, place) => sides[place] === null) };
}

const STRETCH = 2; // a wide panel may pull a map apart that far: names need the room more than the shape does

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

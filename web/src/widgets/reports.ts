// Published reports where they are, among the communes around them: no tiles, only places.

import type { ChartOption, ChartStyle } from "../charts.ts";
import type { ReportMapData } from "../contract.ts";
import { element } from "../element.ts";
import { syntheticMarkOf } from "../figures.ts";
import { sidesOf } from "../labels.ts";
import { say } from "../language.ts";
import type { Drawing } from "../panel.ts";
import { shortName } from "../units.ts";
import { extents } from "./map.ts";

type Progress = ReportMapData["reports"][number]["progress"];
const SIGNS: Record<Progress, { state: "on_track" | "at_risk" | null; shape: "circle" | "triangle" | "diamond" }> = {
  open: { state: "at_risk", shape: "triangle" },
  answered: { state: null, shape: "diamond" },
  fixed: { state: "on_track", shape: "circle" },
};

/** What became of a report, as on the map. */
export function progressSign(progress: Progress): HTMLElement {
  const { state, shape } = SIGNS[progress];
  return element("i.sign", { "data-state": state, "data-shape": shape });
}

export function reportMap(data: ReportMapData): Drawing {
  if (data.reports.length === 0) return { title: null, nodes: [element("p.value.absent", {}, say("feed.empty"))] };
  const counts = Object.entries(SIGNS).map(([progress, sign]) =>
    ({ ...sign, progress: progress as Progress, n: data.reports.filter((one) => one.progress === progress).length }));
  const key = counts.filter(({ n }) => n > 0).map(({ progress, state, shape, n }) =>
    element("li", { "data-state": state }, element("span.sign", { "data-shape": shape }), `${say(`report.${progress}`)}: ${n}`));
  const inWords = data.reports.slice(0, 20).map((one) => `${one.category}, ${one.unit_name}: ${one.state}`).join("; ");
  return {
    title: null,
    nodes: [
      element("div.chart", { role: "img", "aria-label": inWords }),
      element("div.foot", {}, element("ul.key", {}, ...key), element("p.origin", {}, syntheticMarkOf(data.reports))),
    ],
    chart: (style) => option(data, style),
  };
}

function option({ reports, places }: ReportMapData, style: ChartStyle): ChartOption {
  const { em, colour, width, height } = style;
  const frame = { left: 3 * em, right: 3 * em, top: 1.6 * em, bottom: 1.6 * em };
  const [across, down] = [Math.max(1, width - frame.left - frame.right), Math.max(1, height - frame.top - frame.bottom)];
  const { x, y } = extents([...reports, ...places], across / down);
  const sides = sidesOf(
    places.map((place) => ({
      x: frame.left + (across * (place.longitude - x[0])) / (x[1] - x[0]),
      y: frame.top + (down * (y[1] - place.latitude)) / (y[1] - y[0]),
      sign: 0.4 * em, width: style.widthOf(shortName(place.unit_name), 0.85 * em, 400), height: 1.1 * em,
    })),
    { width, height }, 0.3 * em, ["bottom", "top", "right", "left"],
  );
  return {
    grid: frame,
    xAxis: { type: "value", min: x[0], max: x[1], show: false },
    yAxis: { type: "value", min: y[0], max: y[1], show: false },
    series: [
      {
        type: "scatter", silent: true, symbolSize: 0.4 * em, itemStyle: { color: colour.line },
        data: places.map((place, index) => ({
          name: shortName(place.unit_name), value: [place.longitude, place.latitude],
          label: { show: sides[index] !== null, position: sides[index] ?? "bottom" },
        })),
        z: 3, // the names stay readable among the signs
        label: { formatter: "{b}", color: colour.text, fontSize: 0.9 * em, distance: 0.3 * em, textBorderColor: colour.panel, textBorderWidth: 0.25 * em },
      },
      {
        type: "scatter", silent: true, symbolSize: (reports.length > 150 ? 0.5 : 0.8) * em,
        // The oldest below, what is worked on above all.
        data: [...reports].reverse().sort((a, b) => Number(a.progress === "open") - Number(b.progress === "open")).map((one) => ({
          value: [one.longitude, one.latitude],
          symbol: SIGNS[one.progress].shape,
          itemStyle: { color: SIGNS[one.progress].state === null ? colour.accent : colour.state[SIGNS[one.progress].state!], opacity: 0.85 },
        })),
      },
    ],
  };
}

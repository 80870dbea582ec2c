// ECharts, as little of it as is used, in the colours of the page.

import { LineChart, ScatterChart, type LineSeriesOption, type ScatterSeriesOption } from "echarts/charts";
import { GridComponent, type GridComponentOption } from "echarts/components";
import { init, use, type ComposeOption, type ECharts } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

import type { State } from "./contract.ts";

use([LineChart, ScatterChart, GridComponent, CanvasRenderer]);

export type ChartOption = ComposeOption<LineSeriesOption | ScatterSeriesOption | GridComponentOption>;

export interface ChartStyle {
  /** Size of the letters around, in pixels: charts grow with them. */
  em: number;
  width: number;
  height: number;
  /** How wide words of this size and weight are, in pixels. */
  widthOf(words: string, size: number, weight: number): number;
  colour: { panel: string; text: string; quiet: string; line: string; accent: string; state: Record<State, string> };
}

const pen = document.createElement("canvas").getContext("2d")!;

/** A chart in the element; what is drawn again keeps its canvas, so nothing flickers. */
export class Chart {
  readonly #chart: ECharts;
  readonly #place: HTMLElement;

  constructor(place: HTMLElement) {
    this.#place = place;
    this.#chart = init(place, null, { renderer: "canvas" });
  }

  /** Drawn once more where words about the drawing have taken some of its height. */
  draw(option: (style: ChartStyle) => ChartOption): void {
    const { clientHeight } = this.#place;
    this.#draw(option);
    if (this.#place.clientHeight !== clientHeight) this.#draw(option);
  }

  #draw(option: (style: ChartStyle) => ChartOption): void {
    const { clientWidth: width, clientHeight: height } = this.#place;
    if (width === 0 || height === 0) return;
    const computed = getComputedStyle(this.#place);
    const colour = (name: string): string => computed.getPropertyValue(name).trim();
    this.#chart.resize({ width, height });
    this.#chart.setOption(
      {
        animation: false,
        textStyle: { fontFamily: computed.fontFamily },
        ...option({
          em: parseFloat(computed.fontSize), width, height,
          widthOf(words, size, weight) {
            pen.font = `${weight} ${size}px ${computed.fontFamily}`;
            return pen.measureText(words).width;
          },
          colour: {
            panel: colour("--panel"), text: colour("--text"), quiet: colour("--quiet"), line: colour("--line"), accent: colour("--accent"),
            state: { on_track: colour("--good"), at_risk: colour("--warn"), off_track: colour("--bad") },
          },
        }),
      },
      { notMerge: true },
    );
  }

  dispose(): void {
    this.#chart.dispose();
  }
}

// A widget on the glass: a title, what its kind draws, letters that fit, and a short glow where a number has changed.

import { Chart, type ChartOption, type ChartStyle } from "./charts.ts";
import type { WidgetData, WidgetPlan } from "./contract.ts";
import { element } from "./element.ts";
import { columnsFor, hasRoom, largest } from "./fit.ts";
import type { Scene } from "./scene.ts";
import { breakdown } from "./widgets/breakdown.ts";
import { domains } from "./widgets/domains.ts";
import { feed } from "./widgets/feed.ts";
import { figure } from "./widgets/figure.ts";
import { map } from "./widgets/map.ts";
import { progress } from "./widgets/progress.ts";
import { ranking } from "./widgets/ranking.ts";
import { sources } from "./widgets/sources.ts";
import { table } from "./widgets/table.ts";
import { text } from "./widgets/text.ts";
import { trend } from "./widgets/trend.ts";

/** What a kind makes of its data. A chart is drawn into the node `.chart`. */
export interface Drawing {
  /** For widgets without a title of their own. */
  title: string | null;
  nodes: (Node | string | null | false)[];
  chart?: (style: ChartStyle) => ChartOption;
}

// The hub and the page know the same kinds: the plan says which one the data is of.
const KINDS: Record<string, (data: never, scene: Scene, room: number) => Drawing> = {
  breakdown, domains, feed, figure, map, progress, ranking, sources, table, text, trend,
};

// Times the letters of the page. Words that there is nothing to show need not be read from afar.
const LARGEST: Record<string, number> = { domains: 2.3, figure: 2.3, map: 1.2, progress: 2.3 };
const LARGEST_ELSE = 1.6;
const LARGEST_EMPTY = 1.3;
const TILE = 1.45; // shape of a domain's tile

export class Panel {
  readonly element: HTMLElement;
  readonly #plan: WidgetPlan;
  readonly #unit: string | null;
  readonly #title = element("h2");
  readonly #body = element("div.body", { "data-box": true });
  #chart: Chart | null = null;
  #chartPlace: HTMLElement | null = null;
  #drawing: Drawing | null = null;
  #scale = 1;

  /** `unit`: whom its page is about, where that is another than the screen. */
  constructor(plan: WidgetPlan, unit: string | null) {
    this.#plan = plan;
    this.#unit = unit;
    this.#title.id = `title-${plan.id}`;
    // No landmark: on a phone, where all pages are up, two of them may have one title.
    this.element = element(
      "article.panel",
      {
        "data-kind": plan.kind, "data-widget": plan.id, "aria-labelledby": this.#title.id,
        "--x": plan.x + 1, "--y": plan.y + 1, "--w": plan.w, "--h": plan.h,
      },
      this.#title, this.#body,
    );
  }

  /** Panels alike in kind and size have letters of one size: a wall of many sizes is not calm. */
  get likes(): string {
    return this.isEmpty ? "empty" : `${this.#plan.kind} ${this.#plan.w} ${this.#plan.h}`;
  }

  get isEmpty(): boolean {
    return this.#body.firstElementChild?.matches(".absent, .headline:has(.absent)") ?? true;
  }

  /** Show other data, or the same at another time. Tells whether it has room at the size that its letters have. */
  show(data: WidgetData | undefined, seen: Scene): boolean {
    const scene = this.#unit === null ? seen : { ...seen, unit: this.#unit };
    const kind = KINDS[this.#plan.kind];
    if (data === undefined || kind === undefined) return true;
    const before = this.#numbers();
    try {
      this.#drawing = kind(data as never, scene, scene.scrolls ? Infinity : this.#room());
    } catch (error) {
      // A hub and a page of different versions may meet: what stands there is better than nothing.
      console.error(this.#plan.id, error);
      return true;
    }
    const title = this.#plan.title ?? this.#drawing.title ?? "";
    this.#title.textContent = title;
    this.#title.hidden = title === "";
    this.#title.toggleAttribute("data-given", this.#plan.title !== null);
    const held = this.#held();
    this.#body.replaceChildren(...this.#drawing.nodes.filter((node) => node !== null && node !== false));
    if (held !== null) this.#body.querySelector<HTMLElement>(held)?.focus({ preventScroll: true });
    // What scrolls sideways must do so with the keys as well.
    if (scene.scrolls && this.#body.querySelector("table") !== null) this.#body.tabIndex = 0;
    else this.#body.removeAttribute("tabindex");
    this.#keepChart();
    this.scale(this.#scale);
    if (before.size > 0) this.#glow(before);
    return hasRoom(this.element);
  }

  /** How large the letters may be in this place. */
  largest(): number {
    const most = this.isEmpty ? LARGEST_EMPTY : (LARGEST[this.#plan.kind] ?? LARGEST_ELSE);
    return largest(this.element, most, (scale) => this.#set(scale));
  }

  scale(scale: number): void {
    this.#set(scale);
    if (this.#chart !== null && this.#drawing?.chart) this.#chart.draw(this.#drawing.chart);
  }

  #set(scale: number): void {
    this.#scale = scale;
    // What is said about a drawing is said anew with each: it would take room from one that may not need the words.
    for (const words of this.#body.querySelectorAll(".nameless")) words.replaceChildren();
    this.element.style.setProperty("--fit", String(scale));
    this.#arrangeTiles();
  }

  dispose(): void {
    this.#chart?.dispose();
  }

  /** A new drawing has a new place for the chart; the old canvas moves there. */
  #keepChart(): void {
    const place = this.#body.querySelector<HTMLElement>(".chart");
    if (place === null) {
      this.dispose();
      this.#chart = this.#chartPlace = null;
    } else if (this.#chartPlace === null) {
      this.#chartPlace = place;
    } else {
      this.#chartPlace.setAttribute("aria-label", place.getAttribute("aria-label") ?? "");
      place.replaceWith(this.#chartPlace);
    }
    if (this.#chartPlace !== null && this.#chart === null && this.element.isConnected) this.#chart = new Chart(this.#chartPlace);
  }

  /** The figure that the keys are at: who goes through the figures must not begin anew whenever one changes. */
  #held(): string | null {
    const figure = document.activeElement;
    if (!(figure instanceof HTMLElement) || !this.#body.contains(figure)) return null;
    const { indicator, unit } = figure.dataset;
    return indicator && unit ? `[data-indicator="${CSS.escape(indicator)}"][data-unit="${CSS.escape(unit)}"]` : null;
  }

  /** How many rows of a list can be read in this place. */
  #room(): number {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    return Math.max(4, Math.floor((this.element.clientHeight / rem - 5.5) / 2));
  }

  #arrangeTiles(): void {
    const tiles = this.#body.querySelector<HTMLElement>("[data-fills]");
    if (tiles === null) return;
    const columns = columnsFor(Number(tiles.dataset["fills"]), tiles.clientWidth, tiles.clientHeight, TILE);
    tiles.style.setProperty("--columns", String(columns));
  }

  #numbers(): Map<string, string> {
    const numbers = this.#body.querySelectorAll<HTMLElement>("[data-key]");
    return new Map([...numbers].map((number) => [number.dataset["key"]!, number.textContent]));
  }

  #glow(before: Map<string, string>): void {
    for (const number of this.#body.querySelectorAll<HTMLElement>("[data-key]"))
      if (before.get(number.dataset["key"]!) !== number.textContent) number.classList.add("changed");
  }
}

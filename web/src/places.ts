// A map of places without tiles: communes, reports, and a place that is chosen. The list beside it says the same in words.

import { element } from "./element.ts";
import { icon } from "./icons.ts";
import { say } from "./language.ts";
import { shortName } from "./units.ts";

export interface Point {
  latitude: number;
  longitude: number;
}
interface Named extends Point {
  unit_name: string;
}
interface Pin extends Point {
  id: string;
  progress: string;
}

const NS = "http://www.w3.org/2000/svg";
const MOST_NAMES = 60;
const NEAR = 6000; // pixels a degree: the communes around are in sight, and a finger is a street wide
const STEP = 24; // pixels that an arrow key moves the map
const CLOSE = 2_000_000; // pixels a degree: a house is some pixels wide

function svg(tag: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}

export class PlaceMap {
  readonly element: HTMLElement;
  #drawing = svg("svg", { role: "img", "aria-label": say("reports.map") });
  #places: Named[] = [];
  #pins: Pin[] = [];
  #chosen: Point | null = null;
  #middle: Point = { latitude: 16, longitude: 106.5 };
  #scale = 60; // pixels a degree of latitude
  #placed = false;
  #pick: ((point: Point) => void) | null;
  #touches = new Map<number, { x: number; y: number }>();
  #moved = 0;
  #due = false;

  /** `pick`: a tap chooses a place. `open`: a tap on a report shows it. */
  constructor({ pick = null, open }: { pick?: ((point: Point) => void) | null; open?: (id: string) => void }) {
    this.#pick = pick;
    const button = (word: "reports.closer" | "reports.farther", sign: string, factor: number): HTMLElement => {
      const made = element("button", { type: "button", "aria-label": say(word) }, sign);
      made.addEventListener("click", () => this.#zoom(factor));
      return made;
    };
    this.element = element("div.places", { "data-picks": pick !== null }, element("div.zoom", {}, button("reports.closer", "+", 2), button("reports.farther", "−", 0.5)));
    this.element.prepend(this.#drawing);
    this.#listen(open);
    if (pick !== null) this.#listenToKeys();
    new ResizeObserver(() => this.#fit()).observe(this.element);
  }

  show(places: Named[], pins: Pin[]): void {
    [this.#places, this.#pins] = [places, pins];
    this.#fit();
  }

  /** Mark a place and bring it to the middle. */
  choose(point: Point, { close = true } = {}): void {
    this.#chosen = point;
    if (close) [this.#middle, this.#scale, this.#placed] = [point, Math.max(this.#scale, NEAR), true];
    this.#draw();
  }

  #fit(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    const all = [...this.#places, ...this.#pins];
    if (!this.#placed && all.length > 0 && width > 0) {
      const [souths, wests] = [all.map(({ latitude }) => latitude), all.map(({ longitude }) => longitude)];
      const [south, north, west, east] = [Math.min(...souths), Math.max(...souths), Math.min(...wests), Math.max(...wests)];
      this.#middle = { latitude: (south + north) / 2, longitude: (west + east) / 2 };
      // There is room at the sides for names and buttons.
      this.#scale = Math.min((width - 120) / (Math.max(east - west, 0.02) * this.#shrink), (height - 80) / Math.max(north - south, 0.02));
    }
    this.#draw();
  }

  get #shrink(): number {
    return Math.cos((this.#middle.latitude * Math.PI) / 180);
  }

  #spot({ latitude, longitude }: Point): { x: number; y: number } {
    const { clientWidth: width, clientHeight: height } = this.element;
    return {
      x: width / 2 + (longitude - this.#middle.longitude) * this.#shrink * this.#scale,
      y: height / 2 - (latitude - this.#middle.latitude) * this.#scale,
    };
  }

  #point(x: number, y: number): Point {
    const { clientWidth: width, clientHeight: height } = this.element;
    return {
      latitude: this.#middle.latitude - (y - height / 2) / this.#scale,
      longitude: this.#middle.longitude + (x - width / 2) / this.#scale / this.#shrink,
    };
  }

  #zoom(factor: number, x = this.element.clientWidth / 2, y = this.element.clientHeight / 2): void {
    const fixed = this.#point(x, y);
    this.#scale = Math.min(Math.max(this.#scale * factor, 20), CLOSE);
    const now = this.#point(x, y);
    this.#middle = {
      latitude: this.#middle.latitude + fixed.latitude - now.latitude,
      longitude: this.#middle.longitude + fixed.longitude - now.longitude,
    };
    this.#placed = true;
    this.#draw();
  }

  #listen(open: ((id: string) => void) | undefined): void {
    const at = (event: PointerEvent | WheelEvent): { x: number; y: number } => {
      const box = this.#drawing.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const spread = (): number => {
      const [a, b] = [...this.#touches.values()];
      return a && b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
    };
    this.#drawing.addEventListener("pointerdown", (event) => {
      this.#touches.set(event.pointerId, at(event));
      if (this.#touches.size === 1) this.#moved = 0;
      this.#drawing.setPointerCapture(event.pointerId);
    });
    this.#drawing.addEventListener("pointermove", (event) => {
      const before = this.#touches.get(event.pointerId);
      if (before === undefined) return;
      const [was, now] = [spread(), at(event)];
      this.#touches.set(event.pointerId, now);
      this.#moved += Math.hypot(now.x - before.x, now.y - before.y);
      if (this.#touches.size > 1) return was > 0 ? this.#zoom(spread() / was, now.x, now.y) : undefined;
      const { clientWidth: width, clientHeight: height } = this.element;
      this.#middle = this.#point(width / 2 - (now.x - before.x), height / 2 - (now.y - before.y));
      this.#placed = true;
      this.#draw();
    });
    const up = (event: PointerEvent): void => {
      const alone = this.#touches.size === 1;
      this.#touches.delete(event.pointerId);
      if (!alone || this.#moved > 8 || event.type === "pointercancel") return;
      const { x, y } = at(event);
      if (this.#pick !== null) {
        const point = this.#point(x, y);
        this.choose(point, { close: false });
        this.#pick(point);
      } else {
        const near = this.#pins.map((pin) => ({ pin, away: Math.hypot(this.#spot(pin).x - x, this.#spot(pin).y - y) })).sort((a, b) => a.away - b.away)[0];
        if (near !== undefined && near.away < 24) open?.(near.pin.id);
      }
    };
    this.#drawing.addEventListener("pointerup", up);
    this.#drawing.addEventListener("pointercancel", up);
    this.#drawing.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoom(event.deltaY < 0 ? 1.3 : 1 / 1.3, at(event).x, at(event).y);
    }, { passive: false });
  }

  /** Arrows move it, + and − zoom, Enter chooses the middle, which a cross shows as long as the keys go here. */
  #listenToKeys(): void {
    for (const [key, value] of Object.entries({ tabindex: "0", role: "application", "aria-label": say("reports.map.pick"), "aria-description": say("reports.map.keys"), title: say("reports.map.keys") }))
      this.#drawing.setAttribute(key, value);
    this.#drawing.addEventListener("keydown", (event) => {
      const { clientWidth: width, clientHeight: height } = this.element;
      const moves: Record<string, [number, number]> = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
      const move = moves[event.key];
      if (move !== undefined) {
        this.#middle = this.#point(width / 2 + move[0], height / 2 + move[1]);
        this.#placed = true;
        this.#draw();
      } else if (event.key === "+" || event.key === "=") this.#zoom(2);
      else if (event.key === "-") this.#zoom(0.5);
      else if (event.key === "Enter") {
        this.choose(this.#middle, { close: false });
        this.#pick?.(this.#middle);
      } else return;
      event.preventDefault();
    });
  }

  #draw(): void {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#drawNow();
    });
  }

  #drawNow(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    const seen = ({ x, y }: { x: number; y: number }): boolean => x > -60 && y > -20 && x < width + 60 && y < height + 20;
    const places = this.#places.map((one) => ({ one, spot: this.#spot(one) })).filter(({ spot }) => seen(spot));
    const drawn: SVGElement[] = places.map(({ spot }) => svg("circle", { class: "commune", cx: spot.x, cy: spot.y, r: 2.5 }));
    drawn.push(
      ...this.#pins.map((pin) => ({ pin, spot: this.#spot(pin) })).filter(({ spot }) => seen(spot))
        .map(({ pin, spot }) => svg("circle", { class: "pin", "data-progress": pin.progress, cx: spot.x, cy: spot.y, r: 6 })),
    );
    if (places.length <= MOST_NAMES)
      drawn.push(...places.map(({ one, spot }) => svg("text", { x: spot.x, y: spot.y + 15 }, shortName(one.unit_name))));
    if (this.#chosen !== null) {
      const { x, y } = this.#spot(this.#chosen);
      const sign = icon("pin");
      for (const [key, value] of Object.entries({ x: x - 18, y: y - 34, width: 36, height: 36, class: "chosen" })) sign.setAttribute(key, String(value));
      drawn.push(sign);
    }
    if (this.#pick !== null)
      drawn.push(svg("path", { class: "cross", d: `M${width / 2 - 12} ${height / 2}h24M${width / 2} ${height / 2 - 12}v24` }));
    this.#drawing.replaceChildren(...drawn);
  }
}

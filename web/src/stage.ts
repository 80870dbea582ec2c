// The pages of a screen: one at a time on a wall, all below each other on a phone.

import type { PagePlan, Snapshot } from "./contract.ts";
import { element } from "./element.ts";
import { Panel } from "./panel.ts";
import type { Scene } from "./scene.ts";

export class Stage {
  readonly element = element("main");
  #panels = new Map<string, Panel>();
  #fitting = 0;

  constructor() {
    // Panels are measured when they have their place, and again when the place or the letters change.
    new ResizeObserver(() => this.fit()).observe(this.element);
    // Those of a script come when its first letters do; until then other letters, of other widths, stand there.
    document.fonts.addEventListener("loadingdone", () => this.#fit());
  }

  /** Put up these pages instead of what is there. */
  show(plans: PagePlan[], data: Snapshot["data"], scene: Scene): void {
    for (const panel of this.#panels.values()) panel.dispose();
    this.#panels = new Map();
    const pages = plans.map((plan) => this.#page(plan));
    for (const old of this.element.querySelectorAll<HTMLElement>(":scope > *")) old.remove();
    this.element.append(...pages);
    for (const [id, panel] of this.#panels) panel.show(data[id], scene);
    this.#fit();
  }

  /** A widget that is not up now shows its data when its page comes. */
  update(id: string, data: Snapshot["data"][string], scene: Scene): void {
    if (this.#panels.get(id)?.show(data, scene) === false) this.fit();
  }

  /** The same data at another time: ages go on. */
  again(data: Snapshot["data"], scene: Scene): void {
    const roomy = [...this.#panels].map(([id, panel]) => panel.show(data[id], scene));
    if (roomy.includes(false)) this.fit();
  }

  /** Words instead of pages, while there is nothing to show. */
  say(...words: (HTMLElement | string)[]): void {
    this.element.replaceChildren(element("div.notice", {}, ...words));
  }

  /** Letters as large as the glass allows, before it is painted next. */
  fit(): void {
    cancelAnimationFrame(this.#fitting);
    this.#fitting = requestAnimationFrame(() => this.#fit());
  }

  #fit(): void {
    const scales = new Map<string, number>();
    const panels = [...this.#panels.values()];
    for (const panel of panels) scales.set(panel.likes, Math.min(panel.largest(), scales.get(panel.likes) ?? Infinity));
    for (const panel of panels) panel.scale(scales.get(panel.likes)!);
  }

  #page(plan: PagePlan): HTMLElement {
    const panels = [...plan.widgets].sort((a, b) => a.y - b.y || a.x - b.x).map((widget) => {
      const panel = new Panel(widget, plan.unit ?? null);
      this.#panels.set(widget.id, panel);
      return panel.element;
    });
    return element(
      "section.page", { "--rows": plan.rows },
      plan.unit_name && element("p.page-place", {}, plan.unit_name),
      plan.title && element("h2.page-title", {}, plan.title),
      element("div.grid", {}, ...panels),
    );
  }
}

// How old a figure is, by the clock: a wall without a hub still sees its figures become due and late.

import { instantOf } from "./clock.ts";
import type { Age, Figure } from "./contract.ts";

/** null: nobody expects a newer one (its period was asked for), or there is no figure. */
export function ageOf(figure: Figure, now: number): Age | null {
  if (!figure.age || figure.value === null) return null;
  if (figure.late_at && now >= instantOf(figure.late_at)) return "late";
  if (figure.due_at && now >= instantOf(figure.due_at)) return "due";
  return figure.due_at ? "fresh" : figure.age;
}

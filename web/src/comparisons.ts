// What a figure is compared with: a change, or why there is none.

import type { Comparison, Figure } from "./contract.ts";
import { say } from "./language.ts";
import { writeChange } from "./numbers.ts";

export type Compared =
  | { change: string; direction: -1 | 0 | 1; tone: "good" | "bad" | "neutral" }
  /** In words, after those that say with what it is compared. */
  | { why: string };

export function compare(figure: Figure, comparison: Comparison): Compared | null {
  if (figure.value === null) return null;
  if (comparison.value === null) return { why: whyNothing(comparison.reason) };
  if (!comparison.alike) {
    const why = whyUnlike(figure, comparison);
    return why === null ? null : { why };
  }
  const change = writeChange(comparison.change, comparison.change_pct, figure.value, figure.measure);
  if (change === null) return null;
  const direction = change.startsWith("+") ? 1 : change.startsWith("−") ? -1 : 0; // as it is read: +0,001 is no rise
  const tone = figure.direction === "neutral" || direction === 0 ? "neutral" : (direction > 0) === (figure.direction === "up_good") ? "good" : "bad";
  return { change, direction, tone };
}

function whyNothing(reason: Comparison["reason"]): string {
  if (reason === "not-applicable") return say("compare.younger");
  return say(reason === "no-counterpart" ? "reason.no-counterpart" : "compare.nothing");
}

/** Other units stood behind that figure, and any change would be theirs; or what is compared goes on, of which nobody need speak
 * where the next hour has the answer. */
function whyUnlike(figure: Figure, { coverage }: Comparison): string | null {
  const [have, all] = coverage.units;
  if (have === figure.coverage?.units[0]) return figure.grain === "hour" ? null : say("compare.under-way");
  return say("compare.unlike", { coverage: say("coverage", { have, all }) });
}

// A figure beside its target, in words.

import type { Figure } from "./contract.ts";
import { say } from "./language.ts";
import { percent, writeLine } from "./numbers.ts";

/** The first target: `45% kế hoạch · 42% thời gian`, the time where the state goes by it; of a ceiling what is used up of it. */
export function targetWords(figure: Pick<Figure, "measure" | "direction" | "targets">): string | null {
  const target = figure.targets?.[0];
  if (!target || target.achieved_pct === null) return null;
  const of = figure.measure === "%" // a percentage of a percentage is no help
    ? say("compare.goal", { value: writeLine(target.value, "%") })
    : say(figure.direction === "down_good" ? "compare.ceiling" : "compare.target", { pct: percent(target.achieved_pct) });
  return target.elapsed_pct === null ? of : `${of} · ${say("compare.elapsed", { pct: `${Math.floor(target.elapsed_pct)}%` })}`;
}

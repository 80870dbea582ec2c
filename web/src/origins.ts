// Of when, of whom, by whom, how complete: what must be known before a number is believed. In words.

import type { Figure } from "./contract.ts";
import { say } from "./language.ts";
import { isUnderWay, periodWords, periodWordsBriefly, upTo } from "./periods.ts";
import type { Scene } from "./scene.ts";

export function originWords(figure: Figure, scene: Pick<Scene, "unit" | "now">, brief: boolean): string {
  const { period, status } = figure;
  const words = period === null ? null : brief ? periodWordsBriefly(period, scene.now) : periodWords(period);
  // What has come of a period is not yet what it will be; an estimate already is of all of it.
  const measured = period !== null && status !== "estimated" && isUnderWay(period, scene.now) && figure.observed_at;
  const facts = [
    words !== null && measured ? say("period.up-to", { period: words, when: upTo(measured, period, scene.now) }) : words,
    figure.unit === scene.unit ? null : figure.unit_name,
    status && status !== "final" ? say(`status.${status}`) : null,
    brief || measured ? null : bySource(figure),
    coverageWords(figure),
  ];
  return facts.filter((fact) => fact !== null).join(" · ");
}

/** Who says so, where it is one: it is for nobody else to call that official. What is made up says that itself. */
function bySource({ sources, synthetic, status }: Figure): string | null {
  if (synthetic || !sources?.length) return null;
  if (sources.length === 1) return say("origin.source", { source: sources[0]! });
  return status === "final" ? say("status.final") : null;
}

function coverageWords(figure: Figure): string | null {
  const [have, all] = figure.coverage?.units ?? [0, 0];
  return have < all ? say("coverage", { have, all }) : null;
}

// The two ends of a ranking, as many as can be read, and what is left out between them.

import type { RankedFigure, RankingData } from "./contract.ts";
import { say } from "./language.ts";

export interface Ends {
  best: RankedFigure[];
  /** In the order of the ranks: the last one at the end. */
  worst: RankedFigure[];
  /** What is not shown, in words; null: nobody is left out. */
  more: string | null;
}

/** `room`: how many lines there are; one of them says what is left out. */
export function endsOf(data: Pick<RankingData, "best" | "worst" | "units" | "without">, room: number): Ends {
  const valued = data.units - data.without;
  const lines = valued > Math.min(room, data.best.length + data.worst.length) ? room - 1 : room;
  const last = data.worst.slice(0, Math.max(lines - data.best.length, Math.floor(lines / 2)));
  const best = data.best.slice(0, lines - last.length);
  const left = valued - best.length - last.length;
  return { best, worst: last.reverse(), more: left > 0 ? [say("ranking.more", { n: left }), ...equals(best, last)].join(", ") : null };
}

/** Whoever stands equal with one at the edge is not worse for being left out. */
function equals(best: RankedFigure[], worst: RankedFigure[]): string[] {
  const shown = [...best, ...worst];
  const edges = new Set([best.at(-1), worst[0]].filter((one) => one !== undefined));
  const words = [...edges].map(({ rank, tied }) => {
    const n = tied - shown.filter((one) => one.rank === rank).length;
    return n > 0 ? say("ranking.equal", { n, rank: rank! }) : "";
  });
  return [...new Set(words)].filter((one) => one !== "");
}

import assert from "node:assert/strict";
import { test } from "node:test";

import type { RankedFigure } from "./contract.ts";
import { endsOf } from "./ends.ts";

/** `1 1 1 4`: ranks as `RankingData` has them, out of all of these. */
function data(ranks: number[], best: number, worst: number) {
  const all = ranks.map((rank, place) => ({ rank, tied: ranks.filter((one) => one === rank).length, unit: String(place) }) as RankedFigure);
  const first = all.slice(0, best);
  return { best: first, worst: all.slice(first.length).reverse().slice(0, worst), units: all.length + 1, without: 1 };
}

const TABLE: [ranks: number[], best: number, worst: number, room: number, shown: string, more: string | null][] = [
  [[1, 2, 3, 4], 5, 5, 7, "1 2 3 4 |", null],
  [[1, 2, 3, 4, 5, 6, 7], 5, 5, 7, "1 2 3 4 5 | 6 7", null],
  [[1, 2, 3, 4, 5, 6, 7, 8, 9], 5, 5, 7, "1 2 3 | 7 8 9", "còn 3 đơn vị nữa"],
  [[1, 2, 3, 4, 5, 6, 7, 8], 3, 0, 7, "1 2 3 |", "còn 5 đơn vị nữa"], // who asked for the best alone
  [[1, 1, 1, 1, 1, 6, 7, 8], 2, 1, 7, "1 1 | 8", "còn 5 đơn vị nữa, 3 cùng hạng 1"],
  [[1, 2, 3, 3, 3, 3, 3, 3], 3, 2, 7, "1 2 3 | 3 3", "còn 3 đơn vị nữa, 3 cùng hạng 3"],
  [[1, 1, 1, 4, 5, 5, 5, 5], 2, 2, 7, "1 1 | 5 5", "còn 4 đơn vị nữa, 1 cùng hạng 1, 2 cùng hạng 5"],
];
for (const [ranks, best, worst, room, shown, more] of TABLE)
  test(`of ${ranks.join(" ")}, ${best} and ${worst} in ${room} lines, there stand ${shown}`, () => {
    const ends = endsOf(data(ranks, best, worst), room);
    const [first, last] = [ends.best, ends.worst].map((rows) => rows.map((one) => one.rank).join(" "));
    assert.equal(`${first} | ${last}`.trim(), shown);
    assert.equal(ends.more?.replaceAll("\u00a0", " ") ?? null, more);
  });

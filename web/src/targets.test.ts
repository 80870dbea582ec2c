import assert from "node:assert/strict";
import { test } from "node:test";

import { targetWords } from "./targets.ts";

/** With spaces at which a line may end or not. */
const plain = (words: string | null): string | undefined => words?.replaceAll("\u00a0", " ");

const of = (measure: string, direction: "up_good" | "down_good", achieved_pct: number | null, elapsed_pct: number | null) => ({
  measure, direction, targets: [{ setter: "UBND", document: null, value: 95, achieved_pct, state: null, elapsed_pct }],
});

test("a share of the plan is said with the share of the time that is over", () =>
  assert.equal(plain(targetWords(of("VND", "up_good", 45, 41.9))), "45% kế hoạch · 41% thời gian"));
test("of a ceiling what is used up of it", () =>
  assert.equal(plain(targetWords(of("cases", "down_good", 45, 41.9))), "45% mức trần · 41% thời gian"));
test("of a percentage the goal", () => assert.equal(plain(targetWords(of("%", "up_good", 70, 41.9))), "mục tiêu 95% · 41% thời gian"));
test("what does not accumulate, or is over, goes without the time", () =>
  assert.equal(plain(targetWords(of("VND", "up_good", 45, null))), "45% kế hoạch"));
test("without a share there is nothing to say", () => assert.equal(targetWords(of("VND", "up_good", null, 10)), null));

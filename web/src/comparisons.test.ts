import assert from "node:assert/strict";
import { test } from "node:test";

import { compare, type Compared } from "./comparisons.ts";
import type { Comparison, Figure } from "./contract.ts";

const FIGURE = { value: 85.1, measure: "%", direction: "up_good", coverage: { units: [7, 7], periods: [1, 1] } } as Figure;
const OTHER = {
  period: "2026-11-14", value: 84, alike: true, change: 1.1, change_pct: null, partial: false, coverage: { units: [7, 7], periods: [1, 1] },
} as Comparison;

const TABLE: [what: string, figure: Partial<Figure>, other: Partial<Comparison>, compared: Compared | null][] = [
  ["a rise of what should rise is good", {}, {}, { change: "+1,1 điểm %", direction: 1, tone: "good" }],
  ["a rise of what should fall is bad", { direction: "down_good" }, {}, { change: "+1,1 điểm %", direction: 1, tone: "bad" }],
  ["what nobody can read is no change, and neither good nor bad", {}, { change: -0.04 }, { change: "không đổi", direction: 0, tone: "neutral" }],
  ["nobody had reported then", {}, { value: null, reason: "no-data" }, { why: "chưa có số để so" }],
  ["there is no such day", {}, { value: null, reason: "no-counterpart" }, { why: "không có kỳ để so" }],
  ["the unit began within it", {}, { value: null, reason: "not-applicable" }, { why: "đơn vị mới, chưa có kỳ để so" }],
  ["fewer units stood behind it", {}, { alike: false, change: null, coverage: { units: [2, 7], periods: [1, 1] } }, { why: "khi đó 2/7 đơn vị có số" }],
  ["what is compared goes on", {}, { alike: false, change: null }, { why: "chưa hết kỳ để so" }],
  ["an hour goes on", { grain: "hour" }, { alike: false, change: null }, null],
  ["without a figure there is nothing to compare", { value: null }, {}, null],
];
for (const [what, figure, other, compared] of TABLE)
  test(what, () => {
    const found = compare({ ...FIGURE, ...figure }, { ...OTHER, ...other });
    assert.deepEqual(JSON.parse(JSON.stringify(found).replaceAll("\u00a0", " ")), compared);
  });

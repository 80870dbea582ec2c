import assert from "node:assert/strict";
import { test } from "node:test";

import { percent, qualifier, writeChange, writeExactly, writeLine, writeShort } from "./numbers.ts";

/** `~` stands for a space at which no line ends. */
const kept = (words: string): string => words.replaceAll("~", "\u00a0");

const TABLE: [value: number, measure: string, written: string][] = [
  [8943, "accounts", "8.943~tài khoản"],
  [1_234_567, "persons", "1,23~triệu~người"],
  [0, "cases", "0~vụ"],
  [-3, "rank", "−3"],
  [67, "%", "67%"],
  [51.2195, "%", "51,2%"],
  [99.964, "%", "99,96%"],
  [1_234_500_000_000, "VND", "1.235~tỷ~đồng"], // in Vietnamese the billions go on: nghìn tỷ is 1.000 tỷ
  [12_345_678_900, "VND", "12,3~tỷ~đồng"],
  [850_000, "VND", "850~nghìn~đồng"],
  [950, "VND", "950~đồng"],
  [4_500_000, "VND/person/month", "4,5~triệu~đồng/người/tháng"],
  [1_500_000, "USD", "1,5~triệu~USD"],
  [21.5, "Cel", "21,5~°C"],
  [12.346, "ha", "12,3~ha"],
];

for (const [value, measure, written] of TABLE) {
  test(`${value} ${measure} is written ${written}`, () => assert.equal(writeLine(value, measure), kept(written)));
}

test("an axis leaves the measure out", () => assert.equal(writeShort(2_500_000_000, "VND"), kept("2,5~tỷ")));
test("whoever points at a number sees all of it", () =>
  assert.equal(writeExactly(12_345_678_901, "VND"), "12.345.678.901 đồng"));
const CHANGES: [change: number | null, pct: number | null, value: number, measure: string, written: string | null][] = [
  [5, 2.345, 218, "cases", "+2,3%"],
  [-1200, -120.4, 8, "cases", "−120%"],
  [1, 0.04, 2501, "cases", "không~đổi"],
  [0, 0, 218, "cases", "không~đổi"],
  [2, null, 2, "cases", "+2"], // after none
  [-1.5, null, 85.1, "%", "−1,5~điểm~%"],
  [-0.04, null, 85.1, "%", "không~đổi"], // beside 85,1% nobody sees it
  [-0.04, null, 99.92, "%", "−0,04~điểm~%"],
  [0.06, null, 85.1, "%", "+0,1~điểm~%"],
  [-1, null, 22, "rank", "−1"],
  [null, null, 7, "cases", null], // nothing to compare with
];
for (const [change, pct, value, measure, written] of CHANGES)
  test(`${value} ${measure} changed by ${pct ?? change} is ${written}`, () =>
    assert.equal(writeChange(change, pct, value, measure)?? null, written && kept(written)));
test("small shares keep their decimals", () => assert.equal(percent(0.04), "0,04%"));
test("the parts of a whole are written alike", () => assert.equal([20.65, 9.96, 1.2].map(percent).join(" "), "20,7% 10% 1,2%"));
test("over, about and under stand before the number", () => assert.equal(qualifier("trên (over)"), "trên"));
test("other notes do not", () => assert.equal(qualifier("theo báo cáo số 12"), ""));

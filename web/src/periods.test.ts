import assert from "node:assert/strict";
import { test } from "node:test";

import { setZoneBy } from "./clock.ts";
import { instantOf } from "./clock.ts";
import {
  ago, clockWords, dateWords, hoursNamed, isUnderWay, momentWords, ofTheWeek, periodSoFar, periodTick, periodWords, periodWordsBeside, periodWordsBriefly, upTo,
} from "./periods.ts";

setZoneBy("2026-11-22T08:15:00+07:00");

/** `~` stands for a space at which no line ends. */
const kept = (words: string): string => words.replaceAll("~", "\u00a0");

const PERIODS: [period: string, words: string, tick: string][] = [
  ["2024", "năm~2024", "2024"],
  ["2024-Q3", "quý~3/2024", "Q3/24"],
  ["2024-09", "tháng~9/2024", "T9/24"],
  ["2024-W39", "tuần~39/2024", "tuần 39"], // T12 is December
  ["2024-09-30", "30/9/2024", "30/9"],
  ["2024-09-30T08", "8~giờ, 30/9/2024", "8h"],
  ["2024-09-30T00", "0~giờ, 30/9/2024", "30/9"],
  ["2024-09-30T08:05:00", "08:05, 30/9/2024", "8:05"],
];

for (const [period, words, tick] of PERIODS) {
  test(`${period} is ${words}`, () => {
    assert.equal(periodWords(period), kept(words));
    assert.equal(periodTick(period), tick);
  });
}

test("the hours on an axis are told from midnight on, as many as have room", () => {
  const hours = ["22", "23", "00", "01", "02", "03", "04"].map((hour, place) => `2026-11-2${place < 2 ? 1 : 2}T${hour}`);
  const named = (room: number): string[] => hours.filter((_, place) => hoursNamed(hours, room)!(place)).map(periodTick);
  assert.deepEqual(named(7), ["22h", "23h", "22/11", "1h", "2h", "3h", "4h"]);
  assert.deepEqual(named(3), ["22/11", "3h"]);
  assert.deepEqual(named(0), ["22/11"]);
  assert.equal(hoursNamed(["2026-11"], 5), null);
});

test("moments are told in the hub's zone, wherever the display stands", () => {
  assert.equal(clockWords(Date.parse("2026-11-22T07:32:00Z")), "14:32");
  assert.equal(dateWords(Date.parse("2026-11-22T18:00:00Z")), kept("Thứ~hai, 23/11/2026"));
  assert.equal(instantOf("2026-11-22T14:32:00"), Date.parse("2026-11-22T07:32:00Z"));
});

test("a day of this year goes without the year where there is little room", () => {
  const now = instantOf("2026-11-22T15:00:00");
  assert.equal(periodWordsBriefly("2026-11-21T08", now), kept("8~giờ, 21/11"));
  assert.equal(periodWordsBriefly("2024-09-30", now), "30/9/2024");
  assert.equal(periodWordsBriefly("2026-10", now), kept("tháng~10/2026"));
});

const BESIDE: [period: string, other: string, words: string][] = [
  ["2026-11-22T15", "2026-11-22T16", "15~giờ"],
  ["2026-11-21T23", "2026-11-22T00", "23~giờ, 21/11"],
  ["2026-11-20", "2026-11-21", "20/11"],
  ["2025-12-31", "2026-01-01", "31/12/2025"],
  ["2026-W46", "2026-W47", "tuần~46"],
  ["2026-10", "2026-11", "tháng~10"],
  ["2025", "2026", "năm~2025"],
];
for (const [period, other, words] of BESIDE)
  test(`beside ${other}, ${period} is ${words}`, () => assert.equal(periodWordsBeside(period, other), kept(words)));

test("a day and its weekday are one", () => {
  assert.equal(ofTheWeek("2026-11-14", "14/11"), kept("thứ~bảy~14/11"));
  assert.equal(ofTheWeek("2026-11", "tháng 11"), "tháng 11"); // other periods have no weekday
});

const ENDS: [period: string, end: string][] = [
  ["2026", "2027-01-01T00:00:00"],
  ["2026-Q4", "2027-01-01T00:00:00"],
  ["2026-W53", "2027-01-04T00:00:00"],
  ["2026-11", "2026-12-01T00:00:00"],
  ["2026-11-22", "2026-11-23T00:00:00"],
  ["2026-11-22T23", "2026-11-23T00:00:00"],
];
for (const [period, end] of ENDS)
  test(`${period} is under way until ${end}`, () => {
    assert.equal(isUnderWay(period, instantOf(end) - 1), true);
    assert.equal(isUnderWay(period, instantOf(end)), false);
  });

test("what was measured up to midnight is that of the day before", () => {
  const now = instantOf("2026-11-22T15:00:00");
  assert.equal(upTo("2026-11-22T00:00:00+07:00", "2026-11", now), "21/11");
  assert.equal(upTo("2026-01-01T00:00:00+07:00", "2025", now), "31/12/2025");
});

test("the time stands alone only where the period names its day", () => {
  const now = instantOf("2026-11-22T15:00:00");
  assert.equal(upTo("2026-11-22T14:25:04.8+07:00", "2026-11-22T14", now), "14:25");
  assert.equal(upTo("2026-11-21T14:25:00+07:00", "2026-11-21", now), "14:25");
  assert.equal(upTo("2026-11-22T14:25:00+07:00", "2026-W47", now), kept("14:25,~22/11"));
  assert.equal(upTo("2026-11-22T14:25:00+07:00", "2026-11-25", now), kept("14:25,~22/11")); // sent ahead
  assert.equal(upTo("2026-10-22T14:25:00+07:00", "2026-10", now), "22/10");
});

test("of a period that goes on it is said how far it has come", () => {
  const now = instantOf("2026-11-22T15:00:00");
  assert.equal(periodSoFar("2026-11", "2026-11-22T00:00:00+07:00", now), kept("tháng~11/2026 đến~21/11"));
  assert.equal(periodSoFar("2026-11", null, now), kept("tháng~11/2026")); // nobody has measured anything of it
  assert.equal(periodSoFar("2026-10", "2026-11-01T00:00:00+07:00", now), kept("tháng~10/2026"));
});

test("of today the hour is enough", () => {
  const now = instantOf("2026-11-22T15:00:00");
  assert.equal(momentWords(instantOf("2026-11-22T14:32:00"), now), "14:32");
  assert.equal(momentWords(instantOf("2026-11-21T14:32:00"), now), "21/11/2026");
});

test("an age is said in the largest unit that says enough", () => {
  const now = instantOf("2026-11-22T15:00:00");
  assert.equal(ago(instantOf("2026-11-22T14:59:30"), now), "vừa xong");
  assert.equal(ago(instantOf("2026-11-22T14:20:00"), now), "40\u00a0phút\u00a0trước");
  assert.equal(ago(instantOf("2026-11-21T14:20:00"), now), "24\u00a0giờ\u00a0trước");
  assert.equal(ago(instantOf("2026-11-01T14:20:00"), now), "21\u00a0ngày\u00a0trước");
  assert.equal(ago(instantOf("2024-11-01T14:20:00"), now), "1/11/2024");
});

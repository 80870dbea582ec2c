import assert from "node:assert/strict";
import { test } from "node:test";

import { ageOf } from "./ages.ts";
import { setZoneBy } from "./clock.ts";
import type { Figure } from "./contract.ts";

setZoneBy("2026-11-22T08:15:00+07:00");
const figure = {
  value: 1, age: "fresh", due_at: "2026-11-22T12:00:00+07:00", late_at: "2026-11-23T12:00:00+07:00",
} as Figure;

const TABLE: [now: string, age: string][] = [
  ["2026-11-22T11:59:59+07:00", "fresh"],
  ["2026-11-22T12:00:00+07:00", "due"],
  ["2026-11-23T12:00:00+07:00", "late"],
];
for (const [now, age] of TABLE)
  test(`at ${now} it is ${age}, whatever the hub said last`, () => assert.equal(ageOf(figure, Date.parse(now)), age));

test("a period that was asked for does not age", () => {
  const { age: _, ...asked } = figure;
  assert.equal(ageOf(asked as Figure, Date.parse("2030-01-01T00:00:00Z")), null);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { TURN, turnOf } from "./scene.ts";

const rows = Array.from({ length: 10 }, (_, place) => place);

test("what has room is shown whole", () => assert.deepEqual(turnOf(rows, 10, 0), { shown: rows, place: null }));
test("more rows take turns of one length", () => {
  assert.deepEqual(turnOf(rows, 4, 0), { shown: [0, 1, 2, 3], place: "1–4 / 10" });
  assert.deepEqual(turnOf(rows, 4, 2 * TURN), { shown: [8, 9], place: "9–10 / 10" });
  assert.deepEqual(turnOf(rows, 4, 3 * TURN).place, "1–4 / 10");
});
test("on a page that scrolls nothing takes turns", () => assert.equal(turnOf(rows, Infinity, 0).place, null));

import assert from "node:assert/strict";
import { test } from "node:test";

import { sidesOf, type Label, type Side } from "./labels.ts";

const SIDES: Side[] = ["bottom", "right", "left", "top"];
const FRAME = { width: 200, height: 100 };
const at = (x: number, y: number): Label => ({ x, y, sign: 10, width: 40, height: 20 });

const TABLE: [what: string, labels: Label[], sides: (Side | null)[]][] = [
  ["a name with room stands below its place", [at(100, 50)], ["bottom"]],
  ["a name does not run out of the frame", [at(100, 88)], ["right"]],
  ["a name does not cover another place", [at(100, 50), at(100, 70)], ["right", "bottom"]],
  ["a name does not cover another name", [at(100, 50), at(125, 50)], ["bottom", "right"]],
  ["who has the least choice chooses first", [at(150, 62), at(178, 90)], ["right", "left"]],
  ["a name without room is left out", [at(100, 50), at(100, 50), at(100, 50)], ["bottom", "top", null]],
];
for (const [what, labels, sides] of TABLE) test(what, () => assert.deepEqual(sidesOf(labels, FRAME, 2, SIDES), sides));

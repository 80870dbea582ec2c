import assert from "node:assert/strict";
import { test } from "node:test";

import { shortName } from "./units.ts";

const TABLE: [name: string, short: string][] = [
  ["Phường Thới Hòa", "Thới Hòa"],
  ["Thoi Hoa Ward", "Thoi Hoa"],
  ["Phường 7", "Phường 7"],
  ["Thành phố Bến Cát", "Thành phố Bến Cát"],
];
for (const [name, short] of TABLE) test(`${name} is ${short} among its like`, () => assert.equal(shortName(name), short));

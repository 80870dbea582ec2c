import assert from "node:assert/strict";
import { test } from "node:test";

import { columnsFor } from "./fit.ts";

const TABLE: [count: number, width: number, height: number, columns: number][] = [
  [27, 1880, 900, 7],
  [1, 1880, 900, 1],
  [6, 1880, 600, 3],
  [5, 5000, 400, 5],
];
for (const [count, width, height, columns] of TABLE)
  test(`${count} tiles in ${width} x ${height} stand in ${columns} columns`, () =>
    assert.equal(columnsFor(count, width, height, 1.4), columns));

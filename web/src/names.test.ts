import assert from "node:assert/strict";
import { test } from "node:test";

import { apart } from "./names.ts";

const TABLE: [names: string[], shown: string[]][] = [
  [["Số hồ sơ trực tuyến toàn trình", "Số hồ sơ tiếp nhận trực tiếp"], ["Trực tuyến toàn trình", "Tiếp nhận trực tiếp"]],
  [["Chi thường xuyên", "Chi đầu tư phát triển"], ["Thường xuyên", "Đầu tư phát triển"]],
  [["Thu phí, lệ phí", "Lệ phí trước bạ"], ["Thu phí, lệ phí", "Lệ phí trước bạ"]],
  [["Số vụ cháy", "Số vụ"], ["Vụ cháy", "Vụ"]], // nobody is left without a name
  [["Số hồ sơ"], ["Số hồ sơ"]],
  [["Một", "Một"], ["Một", "Một"]],
  [[], []],
];
for (const [names, shown] of TABLE)
  test(`${names.join(" | ")} is shown as ${shown.join(" | ")}`, () => assert.deepEqual(apart(names), shown));

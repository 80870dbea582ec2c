import assert from "node:assert/strict";
import { test } from "node:test";

import { instantOf, setZoneBy } from "./clock.ts";
import type { Figure } from "./contract.ts";
import { originWords } from "./origins.ts";

setZoneBy("2026-11-22T08:15:00+07:00");
const NOW = instantOf("2026-11-22T15:00:00");
const ARTICLE = "Bài báo về thành phố Bến Cát, số liệu đến 30/9/2024";
const OF_2024 = {
  unit: "721", unit_name: "Thành phố Bến Cát (cũ)", period: "2024-Q3", status: "final", synthetic: false,
  coverage: { units: [1, 1], periods: [1, 1] }, sources: [ARTICLE],
} as unknown as Figure;
const OF_NOVEMBER = { ...OF_2024, period: "2026-11", observed_at: "2026-11-22T00:00:00+07:00" };

const TABLE: [what: string, figure: Figure, unit: string, brief: boolean, words: string][] = [
  ["a figure of an article is not official: it is the article's", OF_2024, "721", false, `quý 3/2024 · nguồn: ${ARTICLE}`],
  ["of another unit than the page's it says of which", OF_2024, "bencat", true, "quý 3/2024 · Thành phố Bến Cát (cũ)"],
  ["where several sources stand behind it, it is final if all are", { ...OF_2024, sources: ["a", "b"] }, "721", false, "quý 3/2024 · chính thức"],
  ["what is not final says so", { ...OF_2024, status: "provisional" }, "721", false, `quý 3/2024 · sơ bộ · nguồn: ${ARTICLE}`],
  ["what is made up is nobody's", { ...OF_2024, synthetic: true }, "721", false, "quý 3/2024"],
  ["what goes on says how far it has come", OF_NOVEMBER, "721", false, "tháng 11/2026 đến 21/11"],
  ["an estimate is one of the whole", { ...OF_NOVEMBER, status: "estimated" }, "721", true, "tháng 11/2026 · ước"],
  ["who is missing is counted", { ...OF_2024, coverage: { units: [2, 7], periods: [1, 1] } }, "721", true, "quý 3/2024 · 2/7 đơn vị có số"],
];
for (const [what, figure, unit, brief, words] of TABLE)
  test(what, () => assert.equal(originWords(figure, { unit, now: NOW }, brief).replaceAll("\u00a0", " "), words));

// The newest published reports.

import { instantOf } from "../clock.ts";
import type { FeedData } from "../contract.ts";
import { element } from "../element.ts";
import { syntheticMark } from "../figures.ts";
import { say } from "../language.ts";
import type { Drawing } from "../panel.ts";
import { ago } from "../periods.ts";
import type { Scene } from "../scene.ts";
import { progressSign } from "./reports.ts";

export function feed({ items }: FeedData, scene: Scene, room: number): Drawing {
  if (items.length === 0) return { title: null, nodes: [element("p.value.absent", {}, say("feed.empty"))] };
  return {
    title: null,
    nodes: [element("ol.feed", {}, ...items.slice(0, Math.ceil(room / 2)).map((item) => element(
      "li", {},
      element("b", {}, item.title),
      element(
        "span", {}, progressSign(item.progress), [say(`report.${item.progress}`), item.category, item.unit_name, ago(instantOf(item.at), scene.now)].join(" · "),
        " ", syntheticMark(item.synthetic, { brief: true }),
      ),
    )))],
  };
}

// One indicator, large.

import { ageOf } from "../ages.ts";
import type { FigureData } from "../contract.ts";
import { element } from "../element.ts";
import { ageMark, changeOf, changeOnPeriod, originOf, stateMark, targetOf, valueOf } from "../figures.ts";
import { say } from "../language.ts";
import type { Drawing } from "../panel.ts";
import type { Scene } from "../scene.ts";

export function figure({ figure }: FigureData, scene: Scene): Drawing {
  return {
    title: figure.name,
    nodes: [
      element(
        "div.headline", { "data-age": ageOf(figure, scene.now) },
        valueOf(figure), stateMark(figure.state),
      ),
      element(
        "div.changes", {},
        changeOnPeriod(figure, figure.week_ago, scene.now),
        changeOnPeriod(figure, figure.previous, scene.now),
        changeOf(figure, figure.year_ago, say("compare.year_ago")),
        targetOf(figure),
      ),
      element("div.foot", {}, originOf(figure, scene), ageMark(figure, scene.now)),
    ],
  };
}

// One tile for each field of the centre. Fields of which nobody has reported anything stand small, below.

import { ageOf } from "../ages.ts";
import type { DomainsData } from "../contract.ts";
import { element } from "../element.ts";
import { ageMark, changeOf, originOf, stateMark, targetOf, valueOf } from "../figures.ts";
import { icon } from "../icons.ts";
import { say } from "../language.ts";
import type { Drawing } from "../panel.ts";
import type { Scene } from "../scene.ts";

export function domains({ tiles }: DomainsData, scene: Scene): Drawing {
  const speaking = tiles.filter((tile) => tile.figure && tile.figure.value !== null);
  const withheld = tiles.filter((tile) => tile.figure?.reason === "not-public");
  const empty = tiles.filter((tile) => !speaking.includes(tile) && !withheld.includes(tile));
  const silent = ([["domains.empty", empty], ["domains.withheld", withheld]] as const).filter(([, some]) => some.length > 0);
  return {
    title: say("domains.title"),
    nodes: [
      speaking.length > 0 && element("ul.tiles", { "data-fills": speaking.length }, ...speaking.map(({ domain, name, figure }) => element(
        "li.tile", { "data-box": true, "data-age": ageOf(figure!, scene.now), "data-domain": domain },
        element("h3", {}, icon(`domain.${domain}`), element("span", {}, name), stateMark(figure!.state)),
        valueOf(figure!, domain),
        element("p.subject", {}, figure!.name),
        element(
          "div.foot", {},
          // "The period before" of an old figure is not what one takes it for.
          targetOf(figure!) ?? (ageOf(figure!, scene.now) !== "late" && changeOf(figure!, figure!.week_ago ?? figure!.previous, "")),
          originOf(figure!, scene, { brief: true }), ageMark(figure!, scene.now),
        ),
      ))),
      silent.length > 0 && element(
        "section.silent", {},
        ...silent.flatMap(([word, some]) => [
          element("h3", {}, say(word)),
          element("ul", {}, ...some.map(({ domain, name }) => element("li", { "data-domain": domain }, icon(`domain.${domain}`), element("span", {}, name)))),
        ]),
      ),
    ],
  };
}

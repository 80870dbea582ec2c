// Who has reported, and who is late: the late ones first.

import { instantOf } from "../clock.ts";
import type { Age, SourcesData } from "../contract.ts";
import { element } from "../element.ts";
import { syntheticMark } from "../figures.ts";
import { icon } from "../icons.ts";
import { say } from "../language.ts";
import { writeLine } from "../numbers.ts";
import type { Drawing } from "../panel.ts";
import { ago } from "../periods.ts";
import { turnOf, type Scene } from "../scene.ts";

const AGES: Age[] = ["fresh", "due", "late"];

export function sources({ sources }: SourcesData, scene: Scene, room: number): Drawing {
  const { shown, place } = turnOf(sources, Math.floor(room / 2), scene.now); // names of sources are sentences
  return {
    title: null,
    nodes: [element(
      "table.sources", {},
      element("thead", {}, element(
        "tr", {},
        ...[say("sources.name"), say("sources.last")].map((word) => element("th", { scope: "col" }, word)),
        ...AGES.map((age) => element("th", { scope: "col", "data-age": age }, ageIcon(age), say(`sources.${age}`))),
      )),
      element("tbody", {}, ...shown.map((one) => element(
        "tr", { "data-age": one.age },
        element("th", { scope: "row" }, one.name, " ", syntheticMark(one.synthetic)),
        element("td", {}, one.received_at ? ago(instantOf(one.received_at), scene.now) : say("sources.never")),
        ...AGES.map((age) => element(
          "td", { "data-age": age, "data-none": one[age] === 0 },
          element("span", { "data-key": `${one.source} ${age}` }, writeLine(one[age], "1")),
        )),
      ))),
    ), element("div.foot", {}, element("p.origin", {}, [say("sources.series"), place].filter(Boolean).join(" · ")))],
  };
}

function ageIcon(age: Age): SVGElement {
  return icon(age === "fresh" ? "state.on_track" : `age.${age}`);
}

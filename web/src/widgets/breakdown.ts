// Parts of a whole: how much each is, and which share.

import { ageOf } from "../ages.ts";
import type { BreakdownData, Figure } from "../contract.ts";
import { element } from "../element.ts";
import { ageMark, originOf, pressable, valueOf } from "../figures.ts";
import { say, sayWhyNot } from "../language.ts";
import { apart } from "../names.ts";
import { percent, writeExactly, writeShort } from "../numbers.ts";
import type { Drawing } from "../panel.ts";
import type { Scene } from "../scene.ts";
import { shortName } from "../units.ts";

interface Part {
  key: string;
  name: string;
  called: string; // in full
  value: number | null;
  reason: string | null | undefined;
  figure: Figure | null; // of the rest there is none
}

export function breakdown({ whole, parts, rest, reason: empty }: BreakdownData, scene: Scene, room: number): Drawing {
  const ofUnits = parts.every((part) => part.indicator === whole.indicator);
  const names = ofUnits ? parts.map((part) => shortName(part.unit_name)) : apart(parts.map((part) => part.name));
  const shown: Part[] = parts.map((part, place) => ({
    key: `${part.indicator} ${part.unit}`, name: names[place]!, called: ofUnits ? part.unit_name : part.name, value: part.value, reason: part.reason, figure: part,
  }));
  shown.sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
  const others = shown.splice(shown.length > room ? room - 1 : room).flatMap((part) => (part.value === null ? [] : [part.value]));
  const left = others.reduce((total, value) => total + value, rest ?? 0);
  if (left > 0) shown.push({ key: "rest", name: say("rest"), called: say("rest"), value: left, reason: null, figure: null });
  const known = shown.flatMap((part) => (part.value === null ? [] : [part.value]));
  const sum = whole.value ?? known.reduce((total, value) => total + value, 0);
  const largest = Math.max(...known);
  return {
    title: whole.name,
    nodes: [
      element("div.headline", { "data-age": ageOf(whole, scene.now) }, valueOf(whole)),
      empty != null && whole.value !== null && element("p.none", {}, sayWhyNot(empty)),
      shown.length > 0 && (known.length > 0 || whole.value !== null) && element("ul.bars.shares", {}, ...shown.map((part) => element(
        "li", { "--part": largest > 0 ? Math.max(0, part.value ?? 0) / largest : 0 },
        element("span.name", { title: part.called }, part.name),
        part.value === null
          ? element("span.amount.absent", {}, sayWhyNot(part.reason))
          : element(
              "span.amount", { "data-key": part.key, title: writeExactly(part.value, whole.measure), ...(part.figure && pressable(part.figure)) },
              writeShort(part.value, whole.measure),
            ),
        element("span.share", {}, part.value !== null && sum > 0 ? percent((100 * part.value) / sum) : ""),
      ))),
      element("div.foot", {}, originOf(whole, scene, { brief: true }), ageMark(whole, scene.now)),
    ],
  };
}

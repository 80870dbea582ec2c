import type { TextData } from "../contract.ts";
import { element } from "../element.ts";
import type { Drawing } from "../panel.ts";

export function text({ text }: TextData): Drawing {
  return { title: null, nodes: text.split(/\n+/).map((paragraph) => element("p.words", {}, paragraph)) };
}

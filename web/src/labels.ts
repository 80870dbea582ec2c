// Names beside the places of a map: each where it covers nothing, or not at all.

export type Side = "bottom" | "right" | "left" | "top";

/** A place with its sign, and how much room its name takes; all in pixels. */
export interface Label {
  x: number;
  y: number;
  sign: number;
  width: number;
  height: number;
}

const TURNS = 8;

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** For each the first of the sides on which its name is inside the frame and off every sign and every other name; null: none is. */
export function sidesOf(labels: Label[], frame: { width: number; height: number }, gap: number, wanted: Side[]): (Side | null)[] {
  let best = new Map<Label, Side | null>();
  const missing = (sides: typeof best): number => [...sides.values()].filter((side) => side === null).length;
  // Whoever found no room chooses before the others the next time.
  for (let [turn, order] = [0, labels]; turn < TURNS; turn += 1) {
    const sides = inTurn(order, frame, gap, wanted);
    if (turn === 0 || missing(sides) < missing(best)) best = sides;
    if (missing(best) === 0) break;
    order = [...order].sort((a, b) => Number(sides.get(a) !== null) - Number(sides.get(b) !== null));
  }
  return labels.map((label) => best.get(label) ?? null);
}

function inTurn(labels: Label[], frame: { width: number; height: number }, gap: number, wanted: Side[]): Map<Label, Side | null> {
  const taken = labels.map(({ x, y, sign }) => around(x, y, sign, sign));
  return new Map(labels.map((label) => {
    const side = wanted.find((one) => {
      const box = boxAt(label, one, gap);
      const inside = box.left >= 0 && box.top >= 0 && box.right <= frame.width && box.bottom <= frame.height;
      return inside && !taken.some((other) => overlap(box, other));
    });
    if (side !== undefined) taken.push(boxAt(label, side, gap));
    return [label, side ?? null];
  }));
}

function boxAt({ x, y, sign, width, height }: Label, side: Side, gap: number): Box {
  const away = sign / 2 + gap;
  if (side === "left") return around(x - away - width / 2, y, width, height);
  if (side === "right") return around(x + away + width / 2, y, width, height);
  return around(x, side === "top" ? y - away - height / 2 : y + away + height / 2, width, height);
}

function around(x: number, y: number, width: number, height: number): Box {
  return { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 };
}

function overlap(one: Box, other: Box): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

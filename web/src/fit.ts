// Letters as large as their panel allows. A panel's sizes are all in `em`; `--fit` says how large an em is. So a definition may
// give any widget any place, and names in any language wrap and shrink rather than being cut.

const LEAST = 0.5;
const STEPS = 7; // halvings: to one part in a hundred

/** The largest scale up to `most` at which everything in the box has room; `set` tries one. */
export function largest(box: HTMLElement, most: number, set: (scale: number) => void): number {
  const holds = (scale: number): boolean => {
    set(scale);
    return hasRoom(box);
  };
  if (holds(most)) return most;
  let [low, high] = [LEAST, most];
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Whether nothing overflows the box, nor any `[data-box]` in it, nor runs into their padding. */
export function hasRoom(box: HTMLElement): boolean {
  return [box, ...box.querySelectorAll<HTMLElement>("[data-box]")].every((one) => {
    // One pixel is rounding.
    if (one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1) return false;
    const end = one.lastElementChild?.getBoundingClientRect().bottom ?? 0;
    return end <= one.getBoundingClientRect().bottom - parseFloat(getComputedStyle(one).paddingBottom) + 1;
  });
}

/** In how many columns tiles of this shape (width to height) come out largest. */
export function columnsFor(count: number, width: number, height: number, shape: number): number {
  let [best, largest] = [1, 0];
  for (let columns = 1; columns <= count; columns += 1) {
    const size = Math.min(width / columns / shape, height / Math.ceil(count / columns));
    if (size > largest) [best, largest] = [columns, size];
  }
  return best;
}

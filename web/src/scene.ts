// From where widgets look: what they need to know besides their data.

export interface Scene {
  /** Code of the unit that the page is about. */
  unit: string;
  /** Milliseconds since 1970. */
  now: number;
  /** The page scrolls, so that nothing need be left out. */
  scrolls: boolean;
}

/** Of many rows those whose turn it is, and which ones they are; a wall cannot be scrolled. */
export function turnOf<Row>(rows: Row[], room: number, now: number): { shown: Row[]; place: string | null } {
  if (rows.length <= room) return { shown: rows, place: null };
  const turns = Math.ceil(rows.length / room);
  const each = Math.ceil(rows.length / turns); // of one length, as far as it goes
  const first = (Math.floor(now / TURN) % turns) * each;
  const shown = rows.slice(first, first + each);
  return { shown, place: `${first + 1}–${first + shown.length} / ${rows.length}` };
}

export const TURN = 20_000; // milliseconds

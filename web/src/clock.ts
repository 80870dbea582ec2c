// The time of day at the hub. A display may stand in another zone, or think that it does; figures are dated by the hub.

// Minutes east of UTC: those of Việt Nam until the hub has written a moment. What the browser believes is never asked.
let offset = 7 * 60;

/** Learn the hub's zone from any moment that it wrote with its offset. */
export function setZoneBy(text: string): void {
  const found = /T\d\d:\d\d:\d\d(?:\.\d+)?([+-])(\d\d):(\d\d)/.exec(text);
  if (found !== null) offset = (found[1] === "-" ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3]));
}

/** What a clock on the hub's wall shows at an instant (milliseconds since 1970), in the UTC fields of the result. */
export function wallTime(instant: number): Date {
  return new Date(instant + offset * 60_000);
}

/** The instant of a moment as the hub writes it: with an offset, or in its local time. */
export function instantOf(moment: string): number {
  const text = moment.length === 10 ? `${moment}T00:00:00` : moment.replace(" ", "T");
  return /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Date.parse(`${text}Z`) - offset * 60_000;
}

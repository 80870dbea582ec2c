// Periods and moments in words. Both are of the hub's calendar, wherever the display stands. What is one name does not part at the
// end of a line: its spaces are no-break spaces.

import { instantOf, wallTime } from "./clock.ts";
import { language, say } from "./language.ts";

const vi = language === "vi";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = vi
  ? ["Chủ nhật", "Thứ hai", "Thứ ba", "Thứ tư", "Thứ năm", "Thứ sáu", "Thứ bảy"].map(together)
  : ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

interface Parts {
  year: number;
  quarter?: number;
  week?: number;
  month?: number;
  day?: number;
  hour?: number;
  minute?: number;
}

function parts(text: string): Parts | null {
  const found = /^(\d{4})(?:-Q(\d)|-W(\d\d)|-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d))?)?)?)?/.exec(text);
  if (found === null) return null;
  const [, year, quarter, week, month, day, hour, minute] = found;
  const read = (name: string, part: string | undefined) => (part === undefined ? {} : { [name]: Number(part) });
  return {
    year: Number(year),
    ...read("quarter", quarter), ...read("week", week), ...read("month", month), ...read("day", day),
    ...read("hour", hour), ...read("minute", minute),
  };
}

function together(words: string): string {
  return words.replaceAll(" ", "\u00a0");
}

const two = (part: number): string => String(part).padStart(2, "0");

function dayWords({ year, month = 1, day = 1 }: Parts): string {
  return vi ? `${day}/${month}/${year}` : together(`${day} ${MONTHS[month - 1]} ${year}`);
}

/** `quý 3/2024`, `tháng 9/2024`, `30/9/2024`, `8 giờ, 30/9/2024`. */
export function periodWords(period: string): string {
  const at = parts(period);
  if (at === null) return period;
  if (at.quarter !== undefined) return together(vi ? `quý ${at.quarter}/${at.year}` : `Q${at.quarter} ${at.year}`);
  if (at.week !== undefined) return together(vi ? `tuần ${at.week}/${at.year}` : `week ${at.week}, ${at.year}`);
  if (at.month === undefined) return together(vi ? `năm ${at.year}` : String(at.year));
  if (at.day === undefined) return together(vi ? `tháng ${at.month}/${at.year}` : `${MONTHS[at.month - 1]} ${at.year}`);
  if (at.hour === undefined) return dayWords(at);
  const clock = at.minute === undefined ? (vi ? together(`${at.hour} giờ`) : `${two(at.hour)}:00`) : `${two(at.hour)}:${two(at.minute)}`;
  return `${clock}, ${dayWords(at)}`;
}

/** For narrow places: a day of this year goes without the year. */
export function periodWordsBriefly(period: string, now: number): string {
  const [at, { year }] = [parts(period), partsOf(now)];
  return at?.day !== undefined && at.year === year ? periodWords(period).replace(new RegExp(`[/\\s]${year}$`), "") : periodWords(period);
}

/** Named beside another, whose year or day it need not repeat: `15 giờ`, `20/11`, `tháng 10`. */
export function periodWordsBeside(period: string, other: string): string {
  const [one, beside, words] = [parts(period), parts(other), periodWords(period)];
  if (one?.hour !== undefined && period.slice(0, 10) === other.slice(0, 10)) return words.split(", ")[0]!;
  return one?.year === beside?.year ? words.replace(new RegExp(`(?:/|,?\\s)${one?.year}$`), "") : words;
}

/** A day with its weekday before it, as within a sentence: `thứ bảy 14/11`. Other periods have none. */
export function ofTheWeek(period: string, words: string): string {
  const at = parts(period);
  if (at?.day === undefined || at.hour !== undefined) return words;
  const weekday = WEEKDAYS[new Date(Date.UTC(at.year, at.month! - 1, at.day)).getUTCDay()]!;
  return together(`${vi ? weekday.toLowerCase() : weekday} ${words}`);
}

/** Whether it goes on at an instant. */
export function isUnderWay(period: string, now: number): boolean {
  const at = parts(period);
  if (at === null || at.minute !== undefined) return false;
  const { year, quarter, week, month, day, hour } = at;
  // As on the hub's clock, in the UTC fields of a date: carries over the ends of days, months and years.
  const end = quarter !== undefined ? Date.UTC(year, 3 * quarter)
    : week !== undefined ? mondayOf(year, week + 1)
    : month === undefined ? Date.UTC(year + 1, 0)
    : day === undefined ? Date.UTC(year, month)
    : hour === undefined ? Date.UTC(year, month - 1, day + 1)
    : Date.UTC(year, month - 1, day, hour + 1);
  return wallTime(now).getTime() < end;
}

/** ISO 8601: the fourth of January is in the first week. */
function mondayOf(year: number, week: number): number {
  const fourth = new Date(Date.UTC(year, 0, 4));
  return Date.UTC(year, 0, 4 - ((fourth.getUTCDay() + 6) % 7) + 7 * (week - 1));
}

/** The period, and of one that goes on up to when it was measured: `tháng 11/2026 đến 22/11`. */
export function periodSoFar(period: string, observed: string | null | undefined, now: number): string {
  const words = periodWords(period);
  return observed && isUnderWay(period, now) ? say("period.up-to", { period: words, when: upTo(observed, period, now) }) : words;
}

/** Up to a moment of a period: the time if the period names the day, else the day, and of today both. Midnight is the end of a day. */
export function upTo(moment: string, period: string, now: number): string {
  const [instant, at] = [instantOf(moment), parts(period)];
  const last = dayWords(partsOf(instant - 1));
  if (at?.day !== undefined && dayWords(at) === last) return clockWords(instant);
  const day = last.replace(new RegExp(`[/\\s]${partsOf(now).year}$`), "");
  return last === dayOfMoment(now) ? together(`${clockWords(instant)}, ${day}`) : day;
}

/** For an axis: `T9/24` (a month), `Q3/24`, `tuần 39`, `30/9`, `8h`; where a day begins its name, or one would not know it. */
export function periodTick(period: string): string {
  const at = parts(period);
  if (at === null) return period;
  if (at.quarter !== undefined) return `Q${at.quarter}/${String(at.year).slice(2)}`;
  if (at.week !== undefined) return vi ? `tuần ${at.week}` : `W${at.week}`;
  if (at.month === undefined) return String(at.year);
  if (at.day === undefined) return vi ? `T${at.month}/${String(at.year).slice(2)}` : `${MONTHS[at.month - 1]} ${String(at.year).slice(2)}`;
  if (at.hour === undefined || (at.hour === 0 && at.minute === undefined)) return vi ? `${at.day}/${at.month}` : `${at.day} ${MONTHS[at.month - 1]}`;
  return at.minute === undefined ? `${at.hour}h` : `${at.hour}:${two(at.minute)}`;
}

/** Which of these hours are named on an axis with room for so many names: every second, third …, so that midnight is one. Else null. */
export function hoursNamed(periods: string[], room: number): ((place: number) => boolean) | null {
  const hours = periods.map((period) => parts(period)?.hour);
  if (hours.includes(undefined)) return null;
  const step = [1, 2, 3, 6, 12].find((one) => hours.length / one <= room) ?? 24;
  return (place) => hours[place]! % step === 0;
}

function partsOf(instant: number): Required<Pick<Parts, "year" | "month" | "day" | "hour" | "minute">> & { weekday: number } {
  const at = wallTime(instant);
  return {
    year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate(),
    hour: at.getUTCHours(), minute: at.getUTCMinutes(), weekday: at.getUTCDay(),
  };
}

/** `14:32`. */
export function clockWords(instant: number): string {
  const { hour, minute } = partsOf(instant);
  return `${two(hour)}:${two(minute)}`;
}

/** `Chủ nhật, 22/11/2026`. */
export function dateWords(instant: number): string {
  const at = partsOf(instant);
  return `${WEEKDAYS[at.weekday]}, ${dayWords(at)}`;
}

/** `14:32` on the same day, else the day: `20/11/2026`. */
export function momentWords(instant: number, now: number): string {
  return dayOfMoment(instant) === dayOfMoment(now) ? clockWords(instant) : dayOfMoment(instant);
}

/** `22/11/2026`. */
export function dayOfMoment(instant: number): string {
  return dayWords(partsOf(instant));
}

/** How long ago, in the largest unit that says enough. */
export function ago(instant: number, now: number): string {
  const minutes = Math.floor((now - instant) / 60_000);
  if (minutes < 1) return say("ago.now");
  if (minutes < 60) return say("ago.minutes", { n: minutes });
  if (minutes < 48 * 60) return say("ago.hours", { n: Math.floor(minutes / 60) });
  return minutes < 60 * 1440 ? say("ago.days", { n: Math.floor(minutes / 1440) }) : dayOfMoment(instant);
}

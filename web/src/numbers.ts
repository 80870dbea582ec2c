// Numbers as people here read them: `.` groups thousands, `,` marks decimals, nghìn, triệu and tỷ instead of rows of zeros.

import { language, say } from "./language.ts";
import { measureWord, moneyWord } from "./measures.ts";

export interface Written {
  /** The digits: `1.234,5`. */
  number: string;
  /** What follows them: `tỷ đồng`, `hồ sơ`, `%`. */
  measure: string;
}

const LOCALE = language === "vi" ? "vi-VN" : "en-GB";
const SCALES: [size: number, vi: string, en: string][] = [
  [1e9, "tỷ", "billion"],
  [1e6, "triệu", "million"],
  [1e3, "nghìn", "thousand"],
];

const formats = new Map<number, Intl.NumberFormat>();

function digits(value: number, decimals: number): string {
  let format = formats.get(decimals);
  if (format === undefined) {
    format = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: decimals, useGrouping: true });
    formats.set(decimals, format);
  }
  return format.format(value).replace("-", "−");
}

/** As many decimals as a glance can use: the more digits before the comma, the fewer after it. */
function decimalsOf(value: number): number {
  const size = Math.abs(value);
  return size >= 1000 ? 0 : size >= 10 ? 1 : 2;
}

/** Of rates one decimal is enough, but 99,96 % is not all. */
function decimalsOfRate(rate: number): number {
  const size = Math.abs(rate);
  return size < 10 || (size > 99 && size < 100) ? 2 : 1;
}

/** A value with the words of its measure, scaled. Counts of people or dossiers stay exact up to a million. */
export function write(value: number, measure: string): Written {
  if (measure === "%") return { number: digits(value, decimalsOfRate(value)), measure: "%" };
  const money = moneyWord(measure);
  const scale = SCALES.find(([size]) => Math.abs(value) >= size && (money !== null || size >= 1e6));
  const word = money ?? measureWord(measure);
  if (scale === undefined) return { number: digits(value, decimalsOf(value)), measure: word };
  const [size, vi, en] = scale;
  const scaled = value / size;
  return { number: digits(scaled, decimalsOf(scaled)), measure: `${language === "vi" ? vi : en}\u00a0${word}`.trim() };
}

/** On one line, which does not break before its measure: `1.234,5 tỷ đồng`, `67%`. */
export function writeLine(value: number, measure: string): string {
  const { number, measure: word } = write(value, measure);
  return word === "%" ? `${number}%` : `${number}\u00a0${word}`.trim();
}

/** For axes and narrow cells: the scale stays, the thing counted is said elsewhere. */
export function writeShort(value: number, measure: string): string {
  const { number } = write(value, measure);
  const scale = SCALES.find(([size]) => Math.abs(value) >= size && (moneyWord(measure) !== null || size >= 1e6));
  if (measure === "%") return `${number}%`;
  return scale === undefined ? number : `${number}\u00a0${language === "vi" ? scale[1] : scale[2]}`;
}

/** All digits, for those who want to know exactly. */
export function writeExactly(value: number, measure: string): string {
  return `${digits(value, 12)}${measure === "%" ? "%" : ` ${moneyWord(measure) ?? measureWord(measure)}`}`.trim();
}

/** A share of a whole. Among others 9,96% would seem to be the most exact. */
export function percent(value: number): string {
  const size = Math.abs(value);
  return `${digits(value, size < 1 || size > 10 ? decimalsOfRate(value) : 1)}%`;
}

/** As fine as the number that it stands beside: where 85,1% is read, a change of 0,04 points cannot be seen. */
function decimalsOfChange(change: number, value: number, measure: string): number {
  if (measure === "%") return decimalsOfRate(value);
  return Math.abs(change) >= 100 ? 0 : 1;
}

/** A change of a value with its sign: in percent, or for rates and ranks in their own points. What is read as nothing is no change. */
export function writeChange(change: number | null, changePct: number | null, value: number, measure: string): string | null {
  const by = changePct ?? change;
  if (by === null) return null;
  const text = digits(by, decimalsOfChange(by, value, measure));
  if (/^−?0$/.test(text)) return say("change.none");
  return `${by > 0 ? "+" : ""}${text}${changePct !== null ? "%" : measure === "%" ? `\u00a0${say("change.points")}` : ""}`;
}

/** Sources say over, about, under in a note that has both languages: `trên (over)`. What else they noted is not for a wall. */
export function qualifier(note: string | null | undefined): string {
  const both = /^([^()]{2,12}) \(([a-z]{2,12})\)$/.exec(note ?? "");
  return (language === "vi" ? both?.[1] : both?.[2]) ?? "";
}

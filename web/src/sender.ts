// Reports from a browser, on a bad line: each has an id before it is sent, so that sending again doubles nothing, and who it is from
// only this browser knows. What was not answered is kept and sent again; photos go in pieces and go on where the line broke.

import { language } from "./language.ts";
import type { Problem, ReportDetail, ReportIn } from "./contract.ts";

const TOKEN = "reporter-token";
const MINE = "my-reports";
const PIECE = 256 * 1024; // bytes: on a slow line some seconds
const LARGE = 1024 * 1024; // a larger photo is made smaller before it is sent
const LONG = 2048; // pixels: the hub keeps no more

/** A report of this browser. `body`: it has not been answered yet. */
export interface Mine {
  id: string;
  at: string;
  category: string;
  body?: ReportIn;
}

/** The hub does not take it; to send the same again would change nothing. */
export class Refused extends Error {}

function kept<T>(key: string, otherwise: T): T {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    memory.set(key, value); // forbidden: for as long as the page stands
  }
}

const memory = new Map<string, unknown>();

/** What tells this browser's reports from others'. Nobody else is told, not even the hub, which keeps a hash. */
function token(): string {
  let mine = kept<string | null>(TOKEN, (memory.get(TOKEN) as string) ?? null);
  if (mine === null) {
    mine = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32)))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
    keep(TOKEN, mine);
  }
  return mine;
}

/** As `crypto.randomUUID`, which browsers have over HTTPS only. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export function mine(): Mine[] {
  return kept<Mine[]>(MINE, (memory.get(MINE) as Mine[]) ?? []);
}

function remember(one: Mine): void {
  keep(MINE, [one, ...mine().filter(({ id }) => id !== one.id)].slice(0, 100));
}

/** Ask the hub as this browser's reporter. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`/v1/reports${path}`, {
    ...init,
    headers: { "Accept-Language": language, "X-Visitor-Token": token(), ...(init.headers as Record<string, string>) },
  });
}

/** Ask until there is an answer. `waiting` is told that the line is bad.
 * Throws Refused: with the reason of the hub. */
async function insist(path: string, init: RequestInit, waiting: () => void): Promise<Response> {
  for (let pause = 1000; ; pause = Math.min(2 * pause, 30_000)) {
    let patience = pause;
    try {
      const answer = await ask(path, init);
      if (answer.ok) return answer;
      const problem = (await answer.json().catch(() => null)) as (Problem & { errors?: { detail: string }[] }) | null;
      if (answer.status < 500 && answer.status !== 429) throw new Refused(problem?.errors?.map(({ detail }) => detail).join(" ") || problem?.detail || String(answer.status));
      patience = Math.max(pause, 1000 * Number(answer.headers.get("retry-after") ?? 0));
      if (patience > 60_000) throw new Refused(problem?.detail ?? String(answer.status));
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    waiting();
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        removeEventListener("online", done);
        resolve();
      };
      const timer = setTimeout(done, patience);
      addEventListener("online", done);
    });
  }
}

/** Send a report; once it is kept here it is sent, now or when the page is opened again. */
export async function send(body: ReportIn, waiting: () => void): Promise<ReportDetail> {
  const known: Mine = { id: body.id, at: new Date().toISOString(), category: body.category };
  remember({ ...known, body });
  try {
    const answer = await insist("", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }, waiting);
    remember(known); // without its words and telephone number
    return (await answer.json()) as ReportDetail;
  } catch (error) {
    keep(MINE, mine().filter(({ id }) => id !== body.id));
    throw error;
  }
}

/** What was not answered before the page was closed. */
export async function sendWhatWaits(waiting: () => void): Promise<void> {
  await Promise.allSettled(mine().flatMap(({ body }) => (body ? [send(body, waiting)] : [])));
}

/** Send a photo under a number; tells how much of it is there, from 0 to 1. */
export async function sendPhoto(report: string, n: number, file: Blob, progress: (share: number) => void, waiting: () => void): Promise<void> {
  const photo = await smaller(file);
  const path = `/${report}/photos/${n}`;
  for (let start = 0; start < photo.size; ) {
    const end = Math.min(start + PIECE, photo.size);
    let broken = false;
    const piece = (range: string, body: Blob | null): RequestInit =>
      ({ method: "PUT", headers: { "Content-Type": "application/octet-stream", "Content-Range": range }, body });
    let answer = await insist(path, piece(`bytes ${start}-${end - 1}/${photo.size}`, photo.slice(start, end)), () => {
      broken = true;
      waiting();
    });
    // After a dropped line the hub says itself how far it is.
    if (broken) answer = await insist(path, piece(`bytes */${photo.size}`, null), waiting);
    start = ((await answer.json()) as { received: number }).received;
    progress(start / photo.size);
  }
}

async function smaller(file: Blob): Promise<Blob> {
  if (file.size <= LARGE) return file;
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LONG / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
    canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return (await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85))) ?? file;
  } catch {
    return file; // this browser cannot read it (HEIC); the hub can
  }
}

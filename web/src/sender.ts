// How reports get from a browser to the hub on a bad line: what waits (outbox.ts) is sent, oldest first, again and again until it is
// answered. Each has an id before it is sent, so nothing is doubled; photos go in pieces and go on where the line broke.

import type { Problem, ReportDetail } from "./contract.ts";
import { dropPhoto, dropReport, keepPhoto, keepReport, waiting, waitingPhotos, waitingReport, type Waiting, type WaitingPhoto } from "./outbox.ts";
import { ask, makeToken, Refused } from "./visitor.ts";

const PIECE = 256 * 1024; // bytes: on a slow line some seconds
const LARGE = 1024 * 1024; // a larger photo is made smaller before it is sent
const LONG = 2048; // pixels: the hub keeps no more
const LONGEST_PAUSE = 30_000; // milliseconds between two attempts
const LONGEST_ATTEMPT = 120_000; // milliseconds: a piece takes one of them on the slowest line

/** What goes to the hub just now. */
export interface Progress {
  report: string;
  /** How much of its photos is there, from 0 to 1. */
  share: number;
  /** Why it does not go on just now, though it will: in words of the hub, or none where the line is bad. Null: it goes on. */
  waits: string | null;
}

/** `change`: something was written, sent, answered or discarded, here or in another tab. */
export const news = new EventTarget();
const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel("reports") : null;
tabs?.addEventListener("message", () => {
  news.dispatchEvent(new Event("change"));
  void stopIfDiscarded();
});

let now: Progress | null = null;
let giveUp = new AbortController();
let taken = false; // another tab sends
let line: Promise<void> = Promise.resolve();

export function progressOf(report: string): Progress | null {
  return now?.report === report ? now : null;
}

function tell(): void {
  news.dispatchEvent(new Event("change"));
  tabs?.postMessage(null);
}

/** Send what waits, unless it is being sent. Comes back when all of it is answered. */
export function deliver(): Promise<void> {
  line = line.catch(() => {}).then(() => alone(deliverAll));
  return line;
}

/** Of several tabs the last one sends; an older one may be asleep. Where browsers cannot say which it is (over HTTP) all do, and the
 * hub takes each piece once. */
async function alone(work: () => Promise<void>): Promise<void> {
  taken = false;
  if (!("locks" in navigator)) return work();
  try {
    await navigator.locks.request("reports", { steal: true }, work);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    taken = true;
    giveUp.abort();
  }
}

async function stopIfDiscarded(): Promise<void> {
  if (now !== null && (await waitingReport(now.report)) === undefined) giveUp.abort();
}

/** Forget what waits. Of a report that the hub has, the photos that it has not. */
export async function discard(report: string): Promise<void> {
  if (now?.report === report) giveUp.abort();
  await dropReport(report);
  tell();
}

async function deliverAll(): Promise<void> {
  while (!taken) {
    const due = (await waiting()).filter(({ step }) => step !== "draft");
    const next = await firstOf(due);
    if (next === null) return;
    giveUp = new AbortController();
    now = { report: next.id, share: 0, waits: null };
    try {
      await (next.step === "report" ? sendReport(next) : sendPhotos(next));
    } catch (error) {
      if (!giveUp.signal.aborted) throw error;
    } finally {
      now = null;
      tell();
    }
  }
}

/** The first that there is something to do about: whose photos were all refused waits for its writer. */
async function firstOf(due: Waiting[]): Promise<Waiting | null> {
  for (const one of due) {
    const photos = await waitingPhotos(one.id);
    if (one.step === "report" || photos.length === 0 || photos.some(({ refused }) => refused === undefined)) return one;
  }
  return null;
}

async function sendReport(one: Waiting): Promise<void> {
  makeToken();
  tell();
  try {
    const answer = await insist("", () => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(one.body) }));
    const { number } = (await answer.json()) as ReportDetail;
    if ((await waitingReport(one.id)) === undefined) return; // discarded meanwhile
    await keepReport({ id: one.id, at: one.at, step: "photos", body: { category: one.body.category!, description: one.body.description! }, number }); // without the telephone number
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if ((await waitingReport(one.id)) !== undefined) await keepReport({ ...one, step: "draft", refused: error.message });
  }
}

async function sendPhotos(one: Waiting): Promise<void> {
  const photos = await waitingPhotos(one.id);
  for (const [index, photo] of photos.entries()) {
    if (photo.refused !== undefined) continue;
    try {
      await sendPhoto(photo, (share) => (now!.share = (index + share) / photos.length));
      await dropPhoto(one.id, photo.n);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await keepPhoto({ ...photo, refused: error.message });
    }
  }
  if ((await waitingPhotos(one.id)).length === 0) await dropReport(one.id);
}

async function sendPhoto(photo: WaitingPhoto, progress: (share: number) => void): Promise<void> {
  const { size } = photo.file;
  const piece = (range: string, body: Blob | null): RequestInit =>
    ({ method: "PUT", headers: { "Content-Type": "application/octet-stream", "Content-Range": `bytes ${range}/${size}` }, body });
  const question = piece("*", null); // how much is there
  const told = async (make: (again: boolean) => RequestInit): Promise<number> =>
    ((await (await insist(`/${photo.report}/photos/${photo.n}`, make)).json()) as { received: number }).received;

  let start = photo.begun ? await told(() => question) : 0;
  if (!photo.begun) await keepPhoto({ ...photo, begun: true });
  while (start < size) {
    const [from, end] = [start, Math.min(start + PIECE, size)];
    try {
      // After a dropped line the hub says itself how far it is; or the piece does not follow, because it forgot some.
      start = await told((again) => (again ? question : piece(`${from}-${end - 1}`, photo.file.slice(from, end))));
    } catch (error) {
      if (!(error instanceof Refused && error.codes.includes("out-of-range"))) throw error;
      start = await told(() => question);
    }
    progress(start / size);
    tell();
  }
}

/** Ask until there is an answer; what is asked may differ `again`. Throws Refused; AbortError, when it was discarded. */
async function insist(path: string, make: (again: boolean) => RequestInit): Promise<Response> {
  for (let pause = 1000, again = false; ; pause = Math.min(2 * pause, LONGEST_PAUSE), again = true) {
    let [patience, why] = [pause, ""];
    const attempt = new AbortController();
    const stop = (): void => attempt.abort(giveUp.signal.reason);
    const timer = setTimeout(stop, LONGEST_ATTEMPT);
    giveUp.signal.addEventListener("abort", stop);
    try {
      const answer = await ask(path, { ...make(again), signal: attempt.signal });
      if (answer.ok) {
        now!.waits = null;
        return answer;
      }
      const problem = (await answer.json().catch(() => null)) as Problem | null;
      if (answer.status < 500 && answer.status !== 429) throw new Refused(answer.status, problem);
      why = problem?.detail ?? "";
      patience = Math.max(pause, 1000 * Number(answer.headers.get("retry-after") ?? 0));
    } catch (error) {
      if (error instanceof Refused || giveUp.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
      giveUp.signal.removeEventListener("abort", stop);
    }
    now!.waits = why;
    tell();
    await pauseFor(patience);
  }
}

/** Until then, or until the line is back, or the page is looked at again. Throws AbortError, when it was discarded. */
function pauseFor(milliseconds: number): Promise<void> {
  const { signal } = giveUp;
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      removeEventListener("online", done);
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      if (signal.aborted) reject(signal.reason as Error);
      else resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done);
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

/** A photo as it is sent: no larger than the hub keeps it, and these bytes whatever becomes of the file. */
export async function prepared(file: Blob): Promise<Blob> {
  if (file.size > LARGE) {
    try {
      const picture = await createImageBitmap(file);
      const scale = Math.min(1, LONG / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
      canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
      const smaller = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
      if (smaller !== null) return smaller;
    } catch {
      // This browser cannot read it (HEIC); the hub can.
    }
  }
  return new Blob([await file.arrayBuffer()], { type: file.type });
}

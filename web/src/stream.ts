// Server-sent events over fetch. The browser's own EventSource would hide three things that a wall needs: the keep-alive comments
// (a line that died silently is otherwise never noticed), the status of a refusal, and the headers (language, Last-Event-ID).

import type { Problem } from "./contract.ts";
import { language } from "./language.ts";

export interface Listener {
  /** Connected: what is shown is what is. */
  opened(): void;
  received(event: string, data: string): void;
  /** Not connected any more, or still not; it is being tried again. */
  lost(problem: Problem | null): void;
}

const SILENCE = 50_000; // the hub says something at least every 15 seconds
const SHORTEST = 1_000;
const LONGEST = 20_000;

/** Stay connected until `stop` is called: after each loss again, at random moments further and further apart. */
export function listen(url: string, listener: Listener): { stop(): void } {
  let stopped: AbortController | null = null;
  let over = false;
  let lastId = "";
  let retry = SHORTEST; // what the hub asked for
  let failures = 0;
  let waiting: ReturnType<typeof setTimeout> | undefined;

  async function connect(): Promise<void> {
    waiting = undefined;
    const control = new AbortController();
    stopped = control;
    let silence = setTimeout(() => control.abort(), SILENCE);
    let problem: Problem | null = null;
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream", "Accept-Language": language };
      if (lastId !== "") headers["Last-Event-ID"] = lastId;
      const answer = await fetch(url, { headers, cache: "no-store", signal: control.signal });
      if (!answer.ok || answer.body === null) {
        if (answer.status === 422) lastId = ""; // the hub does not know it any more: begin with all
        problem = await problemOf(answer);
      } else {
        failures = 0;
        listener.opened();
        await read(answer.body, () => {
          clearTimeout(silence);
          silence = setTimeout(() => control.abort(), SILENCE);
        });
      }
    } catch {
      // The network's words are for nobody here: what counts is that the line is gone.
    }
    clearTimeout(silence);
    if (over) return;
    listener.lost(problem);
    // When a hub comes back, a thousand walls must not all be there in the same second.
    const longest = Math.min(LONGEST, retry * 2 ** failures);
    failures += 1;
    waiting = setTimeout(() => void connect(), retry / 2 + Math.random() * longest);
  }

  async function read(body: ReadableStream<Uint8Array>, heard: () => void): Promise<void> {
    const parser = new Parser((event, data, id) => {
      if (id !== null) lastId = id;
      listener.received(event, data);
    }, (milliseconds) => { retry = Math.min(LONGEST, Math.max(100, milliseconds)); });
    const reader = body.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      parser.feed(value);
    }
  }

  // A display that was asleep, or whose cable was put back, need not wait for its turn.
  const atOnce = (): void => {
    if (waiting === undefined) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => void connect(), Math.random() * SHORTEST);
  };
  addEventListener("online", atOnce);
  void connect();
  return {
    stop() {
      over = true;
      removeEventListener("online", atOnce);
      clearTimeout(waiting);
      stopped?.abort();
    },
  };
}

/** The lines of an event stream, as WHATWG's HTML says (9.2.6). */
export class Parser {
  #rest = "";
  #event = "";
  #data: string[] = [];
  #id: string | null = null;
  readonly #dispatch: (event: string, data: string, id: string | null) => void;
  readonly #retry: (milliseconds: number) => void;

  constructor(dispatch: (event: string, data: string, id: string | null) => void, retry: (milliseconds: number) => void) {
    this.#dispatch = dispatch;
    this.#retry = retry;
  }

  feed(chunk: string): void {
    // A CR at the end may be half of a CRLF: it waits for what comes.
    const text = this.#rest + chunk;
    const end = text.endsWith("\r") ? text.length - 1 : text.length;
    const lines = text.slice(0, end).split(/\r\n|\n|\r/);
    this.#rest = lines.pop()! + text.slice(end);
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === "") {
      if (this.#data.length > 0) this.#dispatch(this.#event || "message", this.#data.join("\n"), this.#id);
      this.#event = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.#retry(Number(value));
  }
}

export async function problemOf(answer: Response): Promise<Problem> {
  try {
    return { ...((await answer.json()) as Problem), status: answer.status };
  } catch {
    return { status: answer.status, title: answer.statusText, detail: "" };
  }
}

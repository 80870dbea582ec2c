// What a corner of the wall says about the line to the hub.

import type { Problem } from "./contract.ts";
import { element } from "./element.ts";
import { say } from "./language.ts";
import { momentWords } from "./periods.ts";

const GRACE = 2_500; // milliseconds: a hub that changes its process is back before anybody need know

export class Connection {
  readonly element = element("p.connection", { role: "status", "data-state": "connecting" }, say("live.connecting"));
  /** Since when there is no line; null while there is one. */
  #lostSince: number | null = Date.now();
  #telling: ReturnType<typeof setTimeout> | undefined;

  get live(): boolean {
    return this.#lostSince === null;
  }

  opened(): void {
    clearTimeout(this.#telling);
    this.#lostSince = null;
    this.#tell("live", say("live"));
  }

  /** `shown`: when the figures on the wall were right; null when there are none. */
  lost(shown: () => number | null, problem: Problem | null): void {
    this.#lostSince ??= Date.now();
    const since = this.#lostSince;
    clearTimeout(this.#telling);
    this.#telling = setTimeout(() => {
      const at = shown();
      if (problem !== null && problem.status < 500) this.#tell("lost", problem.title);
      else if (at === null) this.#tell("lost", say("live.unreachable"));
      else this.#tell("lost", say("live.lost", { since: momentWords(since, Date.now()), shown: momentWords(at, Date.now()) }));
    }, Math.max(0, since + GRACE - Date.now()));
  }

  frozen(words: string): void {
    this.#tell("frozen", words);
  }

  #tell(state: "live" | "lost" | "frozen", words: string): void {
    this.element.dataset["state"] = state;
    if (this.element.textContent !== words) this.element.textContent = words;
  }
}


// What a corner of the wall says about the line to the hub, and whether the hub keeps up with what comes.

import type { Problem } from "./contract.ts";
import { element } from "./element.ts";
import { say } from "./language.ts";
import { momentWords } from "./periods.ts";

const GRACE = 2_500; // milliseconds: a hub that changes its process is back before anybody need know

export class Connection {
  readonly element = element("p.connection", { role: "status", "data-state": "connecting" }, say("live.connecting"));
  /** Since when there is no line; null while there is one. */
  #lostSince: number | null = Date.now();
  /** Since when what comes is not in the figures; null while all of it is. */
  #waitingSince: string | null = null;
  #telling: ReturnType<typeof setTimeout> | undefined;

  get live(): boolean {
    return this.#lostSince === null;
  }

  opened(): void {
    clearTimeout(this.#telling);
    this.#lostSince = null;
    this.#tellLive();
  }

  /** As the hub's last snapshot says it. */
  waiting(since: string | null): void {
    this.#waitingSince = since;
    if (this.live) this.#tellLive();
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

  #tellLive(): void {
    const since = this.#waitingSince;
    if (!since) this.#tell("live", say("live"));
    else this.#tell("behind", say("live.behind", { since: momentWords(Date.parse(since), Date.now()) }));
  }

  #tell(state: "live" | "behind" | "lost" | "frozen", words: string): void {
    this.element.dataset["state"] = state;
    if (this.element.textContent !== words) this.element.textContent = words;
  }
}


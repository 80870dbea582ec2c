// Which page stands on the wall, and when the next one comes. Whoever points at the wall wants to read: it waits.

const PATIENCE = 30_000; // milliseconds after the last movement

export class Playlist {
  readonly #seconds: number[];
  readonly #turn: (page: number) => void;
  readonly #paused: (paused: boolean) => void;
  #page: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #held = false;
  #stopped = false;

  /** `pinned`: this display shows one page of several that hang side by side. */
  constructor(seconds: number[], page: number, pinned: boolean, turn: (page: number) => void, paused: (paused: boolean) => void) {
    this.#seconds = pinned ? [] : seconds;
    this.#page = page;
    this.#turn = turn;
    this.#paused = paused;
  }

  get page(): number {
    return this.#page;
  }

  /** How many pages may be turned to. */
  get pages(): number {
    return this.#seconds.length;
  }

  /** Whether there are pages to turn. */
  get turns(): boolean {
    return this.pages > 1;
  }

  /** Whether somebody has stopped it, until somebody lets it go on. */
  get stopped(): boolean {
    return this.#stopped;
  }

  set stopped(stopped: boolean) {
    this.#stopped = stopped;
    this.#held = false;
    this.#paused(stopped);
    this.start();
  }

  start(): void {
    clearTimeout(this.#timer);
    if (!this.turns || this.#stopped) return;
    this.#timer = setTimeout(() => this.show((this.#page + 1) % this.#seconds.length), this.#seconds[this.#page]! * 1000);
  }

  /** One page on or back; after the last comes the first. */
  step(by: 1 | -1): void {
    if (this.turns) this.show((this.#page + by + this.#seconds.length) % this.#seconds.length);
  }

  show(page: number): void {
    this.#page = page;
    this.#turn(page);
    if (!this.#held) this.start();
  }

  /** Somebody is there: this page stays until they have gone. */
  hold(): void {
    if (!this.turns || this.#stopped) return;
    clearTimeout(this.#timer);
    if (!this.#held) this.#paused(true);
    this.#held = true;
    this.#timer = setTimeout(() => {
      this.#held = false;
      this.#paused(false);
      this.start();
    }, PATIENCE);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

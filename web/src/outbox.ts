// What a citizen has written and the hub has not yet: kept by the browser, so that it outlives a closed page and a dead phone.
// Where the browser keeps nothing it stays as long as the page does.

import type { ReportIn } from "./contract.ts";

/** A report on its way. */
export interface Waiting {
  /** Of the report from its first word on: sending again doubles nothing. */
  id: string;
  /** When it was begun. */
  at: string;
  /** `draft`: being written. `report`: to be sent. `photos`: the hub has it under its `number`, and waits for photos. */
  step: "draft" | "report" | "photos";
  body: Partial<ReportIn>;
  number?: number;
  /** Why the hub does not take it as it is. */
  refused?: string;
}

export interface WaitingPhoto {
  report: string;
  n: number;
  name: string;
  /** The very bytes that are sent: after a break the hub goes on with them. */
  file: Blob;
  /** Something of it may be at the hub. */
  begun?: boolean;
  /** Why the hub does not take it. */
  refused?: string;
}

const opened = new Promise<IDBDatabase | null>((resolve) => {
  try {
    const asked = indexedDB.open("reports", 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("waiting", { keyPath: "id" });
      asked.result.createObjectStore("photos", { keyPath: ["report", "n"] });
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => resolve(null);
  } catch {
    resolve(null); // forbidden
  }
});

class Shelf<T> {
  #name: string;
  #keyOf: (one: T) => string | [string, number];
  #passing = new Map<string, T>(); // what the browser would not keep

  constructor(name: string, keyOf: (one: T) => string | [string, number]) {
    [this.#name, this.#keyOf] = [name, keyOf];
  }

  get lasting(): boolean {
    return this.#passing.size === 0;
  }

  async all(): Promise<T[]> {
    const kept = await this.#do<T[]>("readonly", (store) => store.getAll()).catch(() => []);
    return [...kept.filter((one) => !this.#passing.has(String(this.#keyOf(one)))), ...this.#passing.values()];
  }

  async put(one: T): Promise<void> {
    const key = String(this.#keyOf(one));
    try {
      await this.#do("readwrite", (store) => store.put(one));
      this.#passing.delete(key);
    } catch {
      this.#passing.set(key, one); // forbidden, or no room
    }
  }

  async drop(key: string | [string, number]): Promise<void> {
    this.#passing.delete(String(key));
    await this.#do("readwrite", (store) => store.delete(key)).catch(() => {});
  }

  async #do<R>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<R> {
    const database = await opened;
    if (database === null) throw new Error("nothing is kept here");
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(this.#name, mode);
      const asked = work(transaction.objectStore(this.#name));
      transaction.oncomplete = () => resolve(asked.result as R);
      transaction.onabort = () => reject(transaction.error);
    });
  }
}

const reports = new Shelf<Waiting>("waiting", ({ id }) => id);
const photos = new Shelf<WaitingPhoto>("photos", ({ report, n }) => [report, n]);

/** Oldest first. */
export async function waiting(): Promise<Waiting[]> {
  return (await reports.all()).sort((a, b) => a.at.localeCompare(b.at));
}

export async function waitingReport(id: string): Promise<Waiting | undefined> {
  return (await reports.all()).find((one) => one.id === id);
}

/** In their order. */
export async function waitingPhotos(report: string): Promise<WaitingPhoto[]> {
  return (await photos.all()).filter((one) => one.report === report).sort((a, b) => a.n - b.n);
}

export const keepReport = (one: Waiting): Promise<void> => reports.put(one);
export const keepPhoto = (one: WaitingPhoto): Promise<void> => photos.put(one);
export const dropPhoto = (report: string, n: number): Promise<void> => photos.drop([report, n]);

/** Forget a report and its photos. */
export async function dropReport(id: string): Promise<void> {
  for (const { n } of await waitingPhotos(id)) await dropPhoto(id, n);
  await reports.drop(id);
}

/** Whether all of it outlives the page. */
export function isLasting(): boolean {
  return reports.lasting && photos.lasting;
}

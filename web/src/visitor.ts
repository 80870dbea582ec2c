// Who asks: a visitor, known to the hub by a token that this browser has made, and nobody by name.

import type { AreaPlace, CategoryItem, Problem } from "./contract.ts";
import { language } from "./language.ts";

const TOKEN = "visitor-token";
const FOLLOWED = "followed-reports";
const PATIENCE = 4000; // milliseconds for a hub that does not answer

/** The hub does not take it; to send the same again would change nothing. */
export class Refused extends Error {
  readonly status: number;
  readonly codes: string[];

  constructor(status: number, problem: Problem | null) {
    super(problem?.errors?.map(({ detail }) => detail).join(" ") || problem?.detail || String(status));
    this.status = status;
    this.codes = problem?.errors?.map(({ code }) => code) ?? [];
  }
}

const passing = new Map<string, unknown>(); // where the browser keeps nothing: as long as the page stands

function stored<T>(key: string, otherwise: T): T {
  try {
    return (JSON.parse(localStorage.getItem(key) ?? "null") ?? passing.get(key) ?? otherwise) as T;
  } catch {
    return (passing.get(key) ?? otherwise) as T;
  }
}

function store(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    passing.set(key, value);
  }
}

/** What tells this browser's reports from others'. Nobody else is told, not even the hub, which keeps a hash. Null: it has sent nothing. */
function token(): string | null {
  return stored<string | null>(TOKEN, null);
}

/** For who sends something. */
export function makeToken(): void {
  if (token() !== null) return;
  const random = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
  store(TOKEN, random.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, ""));
}

/** Whether this browser ever sent or followed something. */
export function isKnown(): boolean {
  return token() !== null;
}

/** As `crypto.randomUUID`, which browsers have over HTTPS only. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Ask the hub as this browser's reporter. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const mine = token();
  return fetch(`/v1/reports${path}`, {
    ...init,
    headers: { "Accept-Language": language, ...(mine !== null && { "X-Visitor-Token": mine }), ...(init.headers as Record<string, string>) },
  });
}

/** Change something, once. Throws Refused, with the reason of the hub; TypeError, where it cannot be reached. */
export async function order<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
  makeToken();
  const answer = await ask(path, { method, ...(body !== undefined && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => null));
  return (await answer.json()) as T;
}

export async function read<T>(path: string): Promise<T> {
  const answer = await ask(path);
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()) as T;
}

/** Where reports are taken, and whether a key is needed to send one. */
export function area(): Promise<{ places: AreaPlace[]; key_needed: boolean }> {
  return lasting("/area", { places: [], key_needed: false });
}

/** What may be reported. */
export async function categories(): Promise<CategoryItem[]> {
  return (await lasting<{ items: CategoryItem[] }>("/categories", { items: [] })).items;
}

/** What changes rarely, and what the hub said last where the line is bad: a report can be written without one. */
async function lasting<T>(path: string, otherwise: T): Promise<T> {
  const key = `reports${path} ${language}`;
  const before = stored<T | null>(key, null);
  const fresh = read<T>(path).then((said) => {
    store(key, said);
    return said;
  });
  if (before === null) return fresh.catch(() => otherwise);
  return Promise.race([fresh.catch(() => before), new Promise<T>((resolve) => setTimeout(() => resolve(before), PATIENCE))]);
}

/** A report of somebody else that this browser follows: of one that is not public the hub tells no more than this. */
export interface Followed {
  id: string;
  category_name: string;
}

export function followed(): Followed[] {
  return stored<Followed[]>(FOLLOWED, []);
}

/** +1, or no longer. Throws as `order` does. */
export async function follow(one: Followed, following: boolean): Promise<void> {
  // The hub knows the citizen by the token; the subject of a visitor is never asked for.
  await order(following ? "PUT" : "DELETE", `/${one.id}/follow?subject=visitor`);
  const others = followed().filter(({ id }) => id !== one.id);
  store(FOLLOWED, following ? [one, ...others] : others);
}

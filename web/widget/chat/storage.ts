/** What survives a reload, per site: the visitor's token, the draft, the unsent messages, how far they have read,
 * and the language and colour of the last session, so that the next page looks right before it has one. */
import * as json from "../shared/json";
import type { Pending } from "./state";

type Key = "visitor" | "draft" | "outbox" | "read" | "locale" | "accent";

export class SiteStorage {
  readonly #site: string;
  /** Takes over where the browser blocks storage: nothing survives then, but nothing breaks either. */
  readonly #memory = new Map<Key, string>();

  constructor(site: string) {
    this.#site = site;
  }

  get(key: Key): string | null {
    try {
      return localStorage.getItem(this.#name(key)) ?? this.#memory.get(key) ?? null;
    } catch {
      return this.#memory.get(key) ?? null;
    }
  }

  /** An empty value removes the key. */
  set(key: Key, value: string): void {
    try {
      if (value === "") localStorage.removeItem(this.#name(key));
      else localStorage.setItem(this.#name(key), value);
      this.#memory.delete(key);
    } catch {
      this.#memory.set(key, value);
    }
  }

  get lastRead(): number {
    return Number(this.get("read") ?? 0) || 0;
  }

  set lastRead(seq: number) {
    this.set("read", String(seq));
  }

  unsent(): Pending[] {
    const raw = this.get("outbox");
    if (raw === null) return [];
    return json.attempt(() => json.list({ items: json.parseJson(raw) }, "items", readPending)) ?? [];
  }

  /** Read, change, write in one go: another tab of the same visitor shares the list. */
  changeUnsent(change: (items: Pending[]) => Pending[]): void {
    const items = change(this.unsent());
    this.set("outbox", items.length === 0 ? "" : JSON.stringify(items));
  }

  #name(key: Key): string {
    return `replyx:${this.#site}:${key}`;
  }
}

function readPending(value: unknown): Pending {
  const source = json.fields(value);
  return {
    clientId: json.text(source, "clientId"),
    text: json.text(source, "text"),
    createdAt: json.number(source, "createdAt"),
    status: source["status"] === "refused" ? "refused" : "queued",
    detail: json.optionalText(source, "detail"),
  };
}

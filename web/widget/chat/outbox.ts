/**
 * Messages on their way out. Each is stored before it is sent and removed only when the dialog holds it, so a reload,
 * a crash or an hour without network loses none; the same client_id on every try means the server keeps one.
 * They go one at a time, in the order they were written.
 */
import type { Outcome } from "./api";
import { backoff } from "./backoff";
import type { Pending } from "./state";
import type { SiteStorage } from "./storage";
import type { Store } from "./store";

const BASE = 1_000;

export interface OutboxOptions {
  readonly store: Store;
  readonly storage: SiteStorage;
  /** Null when there is no session yet. */
  readonly send: (item: Pending) => Promise<Outcome<unknown>> | null;
  readonly onUnauthorized: () => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  #busy = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    options.store.listen((state, before) => {
      if (state.pending.length < before.pending.length) this.#forget(before.pending, state.pending);
    });
  }

  /** Takes up what an earlier page left behind. */
  restore(): void {
    this.#options.store.dispatch({ type: "queued", pending: this.#options.storage.unsent() });
  }

  add(text: string): void {
    const item: Pending = { clientId: newId(), text, createdAt: Date.now(), status: "queued", detail: null };
    this.#options.storage.changeUnsent((items) => [...items, item]);
    this.#options.store.dispatch({ type: "queued", pending: [item] });
    this.flush();
  }

  /** Same client_id: if the first try did arrive, this one changes nothing. */
  retry(clientId: string): void {
    this.#mark(clientId, "queued", null);
    this.flush();
  }

  discard(clientId: string): void {
    this.#options.store.dispatch({ type: "discarded", clientId });
  }

  /** Sends now instead of at the end of a wait. */
  flush(): void {
    clearTimeout(this.#timer);
    if (!this.#busy) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    try {
      for (let item = this.#next(); item !== undefined; item = this.#next()) {
        const attempt = this.#options.send(item);
        if (attempt === null) return;
        this.#mark(item.clientId, "sending", null);
        if (!this.#settle(item, await attempt)) return;
      }
    } finally {
      this.#busy = false;
    }
  }

  /** False: stop for now. */
  #settle(item: Pending, outcome: Outcome<unknown>): boolean {
    switch (outcome.kind) {
      case "ok":
        this.#failures = 0;
        this.#mark(item.clientId, "accepted", null);
        return true;
      case "refused":
        this.#mark(item.clientId, "refused", outcome.detail);
        return true;
      case "unauthorized":
        this.#mark(item.clientId, "queued", null);
        this.#options.onUnauthorized();
        return false;
      case "later":
        this.#mark(item.clientId, "queued", null);
        this.#failures += 1;
        this.#timer = setTimeout(() => this.flush(), outcome.afterMs ?? backoff(this.#failures, BASE));
        return false;
    }
  }

  #next(): Pending | undefined {
    return this.#options.store.state.pending.find((item) => item.status === "queued");
  }

  #mark(clientId: string, status: Pending["status"], detail: string | null): void {
    this.#options.store.dispatch({ type: "pending", clientId, status, detail });
    if (status !== "refused") return;
    this.#options.storage.changeUnsent((items) => items.map((item) => (item.clientId === clientId ? { ...item, status, detail } : item)));
  }

  #forget(before: readonly Pending[], after: readonly Pending[]): void {
    const kept = new Set(after.map((item) => item.clientId));
    const gone = new Set(before.map((item) => item.clientId).filter((id) => !kept.has(id)));
    this.#options.storage.changeUnsent((items) => items.filter((item) => !gone.has(item.clientId)));
  }
}

/** A uuid; crypto.randomUUID exists only on https and localhost. */
function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

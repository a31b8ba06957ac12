/**
 * The event stream: server-sent events over fetch, because EventSource cannot send an Authorization header and a
 * token does not belong in a URL. Reconnects by itself until stopped.
 */
import { createParser } from "eventsource-parser";
import { retryAfter } from "./api";
import { backoff } from "./backoff";
import { readEvent, type ServerEvent } from "./wire";

/** ms without a byte (the server beats every 15 s) before the connection counts as dead. */
const SILENCE = 40_000;
const DEFAULT_RETRY = 1_500;

export interface StreamOptions {
  /** Read again for each connection, so that it starts where the state is. */
  readonly request: () => { readonly url: string; readonly headers: Record<string, string> };
  readonly onOpened: () => void;
  readonly onEvent: (event: ServerEvent) => void;
  readonly onConnecting: () => void;
  /** `attempt` failures in a row; the next try is at `retryAt` (ms since 1970). */
  readonly onWaiting: (retryAt: number, attempt: number) => void;
  /** The token or the dialog is not known any more: a new session is needed. The stream has stopped. */
  readonly onSessionLost: () => void;
}

type End = { readonly kind: "lost"; readonly afterMs: number | null } | { readonly kind: "session-lost" };

export class EventStream {
  readonly #options: StreamOptions;
  #run: AbortController | null = null;
  #connection: AbortController | null = null;
  #wake: (() => void) | null = null;
  #retry = DEFAULT_RETRY;
  #attempt = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    this.#run = new AbortController();
    void this.#loop(this.#run.signal);
  }

  stop(): void {
    this.#run?.abort();
    this.#run = null;
    this.#connection?.abort();
    this.#wake?.();
  }

  /** Cuts the wait short. */
  retryNow(): void {
    this.#wake?.();
  }

  async #loop(run: AbortSignal): Promise<void> {
    for (;;) {
      this.#options.onConnecting();
      const end = await this.#connect(run);
      if (run.aborted) return;
      if (end.kind === "session-lost") {
        this.#options.onSessionLost();
        return;
      }
      this.#attempt += 1;
      const delay = Math.max(backoff(this.#attempt, this.#retry), end.afterMs ?? 0);
      this.#options.onWaiting(Date.now() + delay, this.#attempt);
      await this.#sleep(delay);
      if (isAborted(run)) return;
    }
  }

  async #connect(run: AbortSignal): Promise<End> {
    const connection = new AbortController();
    this.#connection = connection;
    const { url, headers } = this.#options.request();
    const silence = new Watchdog(SILENCE, () => connection.abort());
    try {
      const response = await fetch(url, { headers: { Accept: "text/event-stream", ...headers }, cache: "no-store", signal: connection.signal });
      if (response.status === 401 || response.status === 403 || response.status === 404) return { kind: "session-lost" };
      if (!response.ok || response.body === null) return { kind: "lost", afterMs: retryAfter(response) };
      if (!run.aborted) await this.#read(response.body, run, silence);
    } catch {
      // a refused, cut or silent connection: all of them mean "connect again"
    } finally {
      silence.stop();
      connection.abort();
    }
    return { kind: "lost", afterMs: null };
  }

  async #read(body: ReadableStream<Uint8Array>, run: AbortSignal, silence: Watchdog): Promise<void> {
    this.#options.onOpened();
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: ({ event, data }) => {
        const parsed = readEvent(event ?? "message", data);
        if (parsed === null || run.aborted) return;
        if (parsed.type === "ready") this.#attempt = 0;
        this.#options.onEvent(parsed);
      },
      onRetry: (ms) => {
        this.#retry = Math.min(Math.max(ms, 100), 30_000);
      },
    });
    const reader = body.getReader();
    for (let part = await reader.read(); !part.done && !run.aborted; part = await reader.read()) {
      silence.pat();
      parser.feed(decoder.decode(part.value, { stream: true }));
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Through a function, because a check before an await says nothing about after it. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

class Watchdog {
  readonly #ms: number;
  readonly #bark: () => void;
  #timer: ReturnType<typeof setTimeout>;

  constructor(ms: number, bark: () => void) {
    this.#ms = ms;
    this.#bark = bark;
    this.#timer = setTimeout(bark, ms);
  }

  pat(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#bark, this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Joins the parts: opens the session, keeps the stream going, sends what is written, reacts to what the state wants. */
import type { Locale } from "../shared/locale";
import { Api } from "./api";
import { backoff } from "./backoff";
import { Outbox } from "./outbox";
import type { SiteStorage } from "./storage";
import type { Store } from "./store";
import { EventStream } from "./stream";

const BASE = 1_500;
/** ms; an operator's "is typing" is repeated while they type, so silence means that they stopped. */
const TYPING_LASTS = 6_000;
/** ms a connection must hold before the failures before it are forgotten: a server that greets and refuses is no cure. */
const STEADY = 5_000;

export interface ControllerOptions {
  readonly site: string;
  readonly store: Store;
  readonly storage: SiteStorage;
  readonly locale: Locale;
  readonly page: string | null;
}

export class Controller {
  readonly outbox: Outbox;
  readonly #options: ControllerOptions;
  readonly #api: Api;
  readonly #stream: EventStream;
  #opening = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #steady: ReturnType<typeof setTimeout> | undefined;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#api = new Api(options.site);
    this.#stream = this.#makeStream();
    this.outbox = new Outbox({
      store: options.store,
      storage: options.storage,
      send: (item) => {
        const session = options.store.state.session;
        return session === null ? null : this.#api.send(session.visitorToken, item.clientId, item.text);
      },
      onUnauthorized: () => this.#recover(),
    });
    this.#watchState();
  }

  start(): void {
    this.outbox.restore();
    this.#watchNetwork();
    void this.#openSession();
  }

  /** The visitor's "try now", and what the browser's `online` event does. */
  retryNow(): void {
    if (this.#options.store.state.session === null) void this.#openSession();
    else this.#stream.retryNow();
    this.outbox.flush();
  }

  #makeStream(): EventStream {
    const { store } = this.#options;
    return new EventStream({
      request: () => this.#request(),
      onConnecting: () => {
        if (store.state.link.phase === "live") store.dispatch({ type: "link", link: { phase: "connecting" } });
      },
      onOpened: () => store.dispatch({ type: "opened" }),
      onEvent: (event) => {
        store.dispatch({ type: "server", event });
        if (event.type === "ready") this.#onReady();
        if (event.type === "typing") this.#onTyping();
      },
      onWaiting: (retryAt, attempt) => store.dispatch({ type: "link", link: { phase: "waiting", retryAt, attempt } }),
      onSessionLost: () => this.#recover(),
    });
  }

  #request(): { url: string; headers: Record<string, string> } {
    const { session, lastSeq } = this.#options.store.state;
    const dialog = session?.dialogId ?? "";
    return {
      url: `/events?${new URLSearchParams({ dialog, since: String(lastSeq) }).toString()}`,
      headers: { Authorization: `Bearer ${session?.visitorToken ?? ""}`, "Last-Event-ID": `${dialog}:${lastSeq}` },
    };
  }

  async #openSession(): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    clearTimeout(this.#timer);
    const { store, storage, locale, page } = this.#options;
    const outcome = await this.#api.session(storage.get("visitor"), locale, page);
    this.#opening = false;
    switch (outcome.kind) {
      case "ok":
        storage.set("visitor", outcome.value.visitorToken);
        store.dispatch({ type: "session", session: outcome.value });
        this.#stream.start();
        this.outbox.flush();
        return;
      case "refused":
        store.dispatch({ type: "refused" });
        return;
      case "unauthorized":
        storage.set("visitor", "");
        this.#later(null);
        return;
      case "later":
        this.#later(outcome.afterMs);
    }
  }

  /** The server does not know our token or dialog: a new session, at once the first time and then ever later. */
  #recover(): void {
    this.#stream.stop();
    clearTimeout(this.#steady);
    if (this.#failures === 0) {
      this.#failures = 1;
      void this.#openSession();
    } else {
      this.#later(null);
    }
  }

  #later(afterMs: number | null): void {
    this.#failures += 1;
    const delay = Math.max(backoff(this.#failures, BASE), afterMs ?? 0);
    this.#options.store.dispatch({ type: "link", link: { phase: "waiting", retryAt: Date.now() + delay, attempt: this.#failures } });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#openSession(), delay);
  }

  #onReady(): void {
    clearTimeout(this.#steady);
    this.#steady = setTimeout(() => {
      this.#failures = 0;
    }, STEADY);
    this.outbox.flush();
  }

  #onTyping(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#options.store.dispatch({ type: "operator-stopped" }), TYPING_LASTS);
  }

  #watchState(): void {
    this.#options.store.listen((state, before) => {
      if (state.wants === before.wants) return;
      if (state.wants === "replay") this.#stream.start();
      if (state.wants === "session") {
        this.#stream.stop();
        void this.#openSession();
      }
    });
  }

  #watchNetwork(): void {
    const { store } = this.#options;
    const tell = (offline: boolean): void => store.dispatch({ type: "offline", offline });
    tell(!navigator.onLine);
    window.addEventListener("online", () => {
      tell(false);
      this.retryNow();
    });
    window.addEventListener("offline", () => {
      tell(true);
      // a connection to the loopback may live on; a dead one would be noticed only after 40 s of silence
      if (store.state.link.phase === "live") this.#stream.start();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && store.state.link.phase === "waiting") this.retryNow();
    });
  }
}

/** The chat's page: puts the views together and redraws them at most once a frame. */
import { applyAccent } from "../../shared/color";
import { h } from "../../shared/dom";
import { pickLocale } from "../../shared/locale";
import type { HostMessage } from "../../shared/protocol";
import type { Bridge } from "../bridge";
import type { Controller } from "../controller";
import { Language } from "../i18n";
import type { State } from "../state";
import type { SiteStorage } from "../storage";
import type { Store } from "../store";
import { timeline, unreadCount } from "../timeline";
import type { Session } from "../wire";
import { Banner } from "./banner";
import { Composer } from "./composer";
import { Header } from "./header";
import { Log } from "./log";
import { CitationSheet } from "./sheet";
import { Suggestions } from "./suggestions";

export interface AppParts {
  readonly store: Store;
  readonly storage: SiteStorage;
  readonly controller: Controller;
  readonly bridge: Bridge;
  readonly language: Language;
}

const TOUCH = "(pointer: coarse)";

export class App {
  readonly #parts: AppParts;
  readonly #header: Header;
  readonly #banner: Banner;
  readonly #log: Log;
  readonly #composer: Composer;
  readonly #suggestions: Suggestions;
  readonly #skeleton = h("div", { class: "skeleton", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
  readonly #sheet = new CitationSheet();
  #language: Language;
  #open: boolean;
  #scheduled = false;
  #told = -1;

  constructor(parts: AppParts) {
    const { controller, storage, bridge, language } = parts;
    this.#parts = parts;
    this.#language = language;
    this.#open = !bridge.embedded;
    this.#header = new Header(bridge.embedded ? () => bridge.post({ type: "close" }) : null);
    this.#banner = new Banner(() => controller.retryNow());
    this.#suggestions = new Suggestions((text) => this.#send(text));
    this.#log = new Log(
      language,
      {
        openCitation: (citation, from) => this.#sheet.show(citation, this.#language, from),
        retry: (id) => controller.outbox.retry(id),
        discard: (id) => controller.outbox.discard(id),
      },
      this.#suggestions.element,
    );
    this.#composer = new Composer(language, {
      draft: storage.get("draft") ?? "",
      onDraft: (text) => storage.set("draft", text),
      onSend: (text) => this.#send(text),
    });
  }

  mount(root: HTMLElement): void {
    const talk = h("main", { class: "talk" }, this.#banner.element, this.#skeleton, this.#log.element, this.#composer.element);
    root.classList.add("app");
    root.classList.toggle("full-page", !this.#parts.bridge.embedded);
    root.replaceChildren(this.#header.element, talk, this.#sheet.element);
    this.#parts.store.listen((state, before) => {
      if (state.session !== null && state.session !== before.session) this.#onSession(state.session);
      this.#schedule();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.#sheet.open) this.#parts.bridge.post({ type: "close" });
    });
    document.addEventListener("visibilitychange", () => this.#schedule());
    this.#draw();
  }

  /** The host page opened or closed the panel. */
  hear(message: HostMessage): void {
    this.#open = message.type === "opened";
    // on a phone the keyboard would cover the greeting: the visitor taps the field when they are ready
    if (message.type === "opened" && message.focus) {
      if (window.matchMedia(TOUCH).matches) this.#header.focusClose();
      else this.#composer.focus();
    }
    if (this.#open) this.#log.toEnd();
    this.#schedule();
  }

  #send(text: string): void {
    this.#parts.controller.outbox.add(text);
    this.#log.toEnd();
  }

  #onSession(session: Session): void {
    const root = document.documentElement;
    const { storage, bridge } = this.#parts;
    applyAccent(root, session.accent);
    storage.set("accent", session.accent);
    const locale = pickLocale(session.locale, this.#language.locale);
    root.lang = locale;
    storage.set("locale", locale);
    if (locale !== this.#language.locale) {
      this.#language = new Language(locale);
      this.#log.speak(this.#language);
      this.#composer.speak(this.#language);
    }
    if (!bridge.embedded) document.title = session.assistant;
  }

  /** A hidden page gets no frames, but its unread count still has to reach the host. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const draw = (): void => {
      this.#scheduled = false;
      this.#draw();
    };
    if (document.visibilityState === "visible" && this.#open) requestAnimationFrame(draw);
    else setTimeout(draw, 50);
  }

  #draw(): void {
    const { state } = this.#parts.store;
    this.#header.update(state, this.#language);
    this.#banner.update(state, this.#language);
    this.#suggestions.update(state, this.#language);
    const loading = state.session === null && state.pending.length === 0 && !state.refused;
    this.#skeleton.hidden = !loading;
    this.#log.element.hidden = loading;
    this.#log.update(timeline(state));
    if (state.refused) this.#composer.disable();
    this.#tellHost(state);
  }

  #tellHost(state: State): void {
    const { storage, bridge } = this.#parts;
    const seen = this.#open && document.visibilityState === "visible" && state.session !== null;
    if (seen && state.lastSeq > storage.lastRead) storage.lastRead = state.lastSeq;
    const unread = seen ? 0 : unreadCount(state, storage.lastRead);
    if (unread !== this.#told) bridge.post({ type: "unread", count: unread });
    this.#told = unread;
  }
}

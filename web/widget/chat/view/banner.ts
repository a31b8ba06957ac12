/** The strip under the header: no connection (with the time of the next try), or a person was asked. */
import { h, icon, ICONS } from "../../shared/dom";
import type { Language } from "../i18n";
import type { State } from "../state";

type Kind = "none" | "refused" | "waiting" | "requested" | "assigned";

export class Banner {
  readonly element = h("div", { class: "banner", role: "status", hidden: true });
  readonly #onRetry: () => void;
  readonly #count = h("span", { class: "count", "aria-hidden": "true" });
  #shown = "";
  #retryAt: number | null = null;
  #ticker: ReturnType<typeof setInterval> | undefined;

  constructor(onRetry: () => void) {
    this.#onRetry = onRetry;
  }

  update(state: State, language: Language): void {
    const kind = bannerKind(state);
    this.#retryAt = state.link.phase === "waiting" ? state.link.retryAt : null;
    const wanted = `${kind}:${language.locale}`;
    if (wanted !== this.#shown) this.#draw(kind, language);
    this.#shown = wanted;
    this.#tick(kind, language);
  }

  #draw(kind: Kind, { words }: Language): void {
    this.element.hidden = kind === "none";
    this.element.className = `banner ${kind}`;
    const text = { none: "", refused: words.unavailable, waiting: words.noConnection, requested: words.requestedNotice, assigned: words.assignedNotice }[kind];
    const sign = kind === "waiting" || kind === "refused" ? ICONS.offline : ICONS.person;
    const retry = kind === "waiting" ? h("button", { type: "button", class: "text-button", on: { click: this.#onRetry } }, words.tryNow) : null;
    const line = h("p", {}, text, kind === "waiting" ? h("span", { class: "again" }, this.#count, retry) : null);
    this.element.replaceChildren(icon(18, sign), line);
  }

  /** Seconds run only while they are shown. */
  #tick(kind: Kind, { words }: Language): void {
    clearInterval(this.#ticker);
    const show = (): void => {
      const left = this.#retryAt === null ? 0 : Math.ceil((this.#retryAt - Date.now()) / 1000);
      this.#count.textContent = left > 0 ? words.nextTry(left) : words.reconnecting;
    };
    if (kind !== "waiting") return;
    show();
    this.#ticker = setInterval(show, 500);
  }
}

/** One failed try is a blink (a gateway restarts in less); from the second on the visitor should know. */
export function bannerKind(state: State): Kind {
  if (state.refused) return "refused";
  const down = state.link.phase !== "live";
  if (down && (state.offline || (state.link.phase === "waiting" && state.link.attempt > 1))) return "waiting";
  return state.mode === "requested" || state.mode === "assigned" ? state.mode : "none";
}

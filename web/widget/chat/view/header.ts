/** Who is on the other side and whether we can hear each other. */
import { h, icon, ICONS } from "../../shared/dom";
import type { Language, Words } from "../i18n";
import type { State } from "../state";
import { operatorName } from "../timeline";

export class Header {
  readonly element: HTMLElement;
  readonly #face = h("div", { class: "face", "aria-hidden": "true" });
  readonly #name = h("h1", { class: "name" });
  readonly #dot = h("i", { class: "dot" });
  readonly #status = h("span");
  readonly #close: HTMLButtonElement | null;
  #shownFace = "";

  constructor(onClose: (() => void) | null) {
    this.#close = onClose === null ? null : h("button", { type: "button", class: "icon-button", on: { click: onClose } }, icon(20, ICONS.close));
    const status = h("p", { class: "status", role: "status" }, this.#dot, this.#status);
    this.element = h("header", { class: "header" }, this.#face, h("div", { class: "who" }, this.#name, status), this.#close);
  }

  focusClose(): void {
    this.#close?.focus();
  }

  update(state: State, { words }: Language): void {
    this.#close?.setAttribute("aria-label", words.close);
    if (this.#close !== null) this.#close.title = words.close;
    const person = state.mode === "active" ? (operatorName(state) ?? "") : null;
    this.#name.textContent = state.session?.assistant ?? "";
    this.#name.classList.toggle("blank", state.session === null);
    const tone = connectionTone(state);
    this.#dot.className = `dot ${tone}`;
    const status = statusText(state, words);
    if (this.#status.textContent !== status) this.#status.textContent = status;
    this.#drawFace(person);
  }

  /** Initials of the person who answers; a spark for the AI. */
  #drawFace(person: string | null): void {
    const wanted = person ?? "ai";
    if (wanted === this.#shownFace) return;
    this.#shownFace = wanted;
    const initials = (person ?? "").split(/\s+/).map((part) => Array.from(part)[0] ?? "").slice(0, 2).join("");
    this.#face.replaceChildren(person === null ? icon(20, ICONS.spark) : initials === "" ? icon(20, ICONS.person) : initials);
  }
}

function connectionTone(state: State): "live" | "wait" | "off" {
  if (state.refused || (state.offline && state.link.phase !== "live")) return "off";
  return state.link.phase === "live" ? "live" : "wait";
}

export function statusText(state: State, words: Words): string {
  if (state.refused) return words.offline;
  if (state.link.phase !== "live") {
    if (state.offline) return words.offline;
    return state.session === null && state.link.phase === "connecting" ? words.connecting : words.reconnecting;
  }
  const byMode = { ai: words.ai, requested: words.aiRequested, assigned: words.assigned, active: words.person(operatorName(state)) };
  return byMode[state.mode];
}

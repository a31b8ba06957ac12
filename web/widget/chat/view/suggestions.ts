/** Up to three questions to start with; gone once the visitor has written. */
import { h } from "../../shared/dom";
import type { Language } from "../i18n";
import type { State } from "../state";

export class Suggestions {
  readonly element = h("div", { class: "suggestions", role: "group", hidden: true });
  readonly #onPick: (text: string) => void;
  #shown = "";

  constructor(onPick: (text: string) => void) {
    this.#onPick = onPick;
  }

  update(state: State, { words }: Language): void {
    const fresh = state.pending.length === 0 && !state.messages.some((message) => message.role === "customer");
    const questions = fresh ? (state.session?.suggestions ?? []) : [];
    this.element.hidden = questions.length === 0;
    this.element.setAttribute("aria-label", words.suggestions);
    const wanted = questions.join("\n");
    if (wanted === this.#shown) return;
    this.#shown = wanted;
    this.element.replaceChildren(...questions.map((text) => h("button", { type: "button", class: "suggestion", on: { click: () => this.#onPick(text) } }, text)));
  }
}

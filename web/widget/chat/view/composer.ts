/** Where the visitor writes. The draft is stored at each keystroke; Enter sends, Shift+Enter breaks the line. */
import { codePoints } from "../../shared/codepoints";
import { h, icon, ICONS } from "../../shared/dom";
import type { Language } from "../i18n";

export const LIMIT = 4000;
/** The counter appears here: earlier it would only be noise. */
const COUNT_FROM = 3600;
const LINES = 5;

export interface ComposerOptions {
  readonly draft: string;
  readonly onDraft: (text: string) => void;
  readonly onSend: (text: string) => void;
}

export class Composer {
  readonly element: HTMLElement;
  readonly #options: ComposerOptions;
  readonly #input: HTMLTextAreaElement;
  readonly #button: HTMLButtonElement;
  readonly #counter = h("p", { class: "counter", id: "counter", role: "status", hidden: true });
  #language: Language;

  constructor(language: Language, options: ComposerOptions) {
    this.#language = language;
    this.#options = options;
    this.#input = h("textarea", { class: "input", rows: 1, enterkeyhint: "send", autocomplete: "off", "aria-describedby": "counter" });
    this.#input.value = options.draft;
    this.#button = h("button", { type: "submit", class: "send" }, icon(20, ICONS.send));
    const form = h("form", { class: "box" }, this.#input, this.#button);
    this.element = h("div", { class: "composer" }, form, this.#counter);
    this.#input.addEventListener("input", () => this.#changed());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    // a click beside the text is meant for the text
    form.addEventListener("click", (event) => {
      if (event.target === form) this.focus();
    });
    new ResizeObserver(() => this.#grow()).observe(this.element);
    this.speak(language);
  }

  speak(language: Language): void {
    this.#language = language;
    const { words } = language;
    this.#input.placeholder = words.placeholder;
    this.#input.setAttribute("aria-label", words.composer);
    this.#button.setAttribute("aria-label", words.send);
    this.#button.title = words.send;
    this.#measure();
  }

  disable(): void {
    this.#input.disabled = true;
    this.#button.disabled = true;
  }

  focus(): void {
    this.#input.focus();
  }

  #onKey(event: KeyboardEvent): void {
    // isComposing: Enter that picks a word in an input method must not send
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  #send(): void {
    const text = this.#input.value.trim();
    if (text === "" || codePoints(text) > LIMIT) return;
    this.#input.value = "";
    this.#changed();
    this.#options.onSend(text);
    this.focus();
  }

  #changed(): void {
    this.#options.onDraft(this.#input.value);
    this.#grow();
    this.#measure();
  }

  #grow(): void {
    this.#input.style.height = "auto";
    const line = parseFloat(getComputedStyle(this.#input).lineHeight) || 21;
    const most = line * LINES;
    this.#input.style.height = `${Math.min(this.#input.scrollHeight, most)}px`;
    this.#input.classList.toggle("full", this.#input.scrollHeight > most);
  }

  #measure(): void {
    const length = codePoints(this.#input.value.trim());
    const over = length - LIMIT;
    const { words } = this.#language;
    this.#counter.hidden = length < COUNT_FROM;
    this.#counter.classList.toggle("bad", over > 0);
    this.#input.setAttribute("aria-invalid", String(over > 0));
    const text = over > 0 ? words.tooLong(this.#language.number(over)) : words.counter(this.#language.number(length), this.#language.number(LIMIT));
    this.#counter.textContent = this.#counter.hidden ? "" : text;
    this.#button.classList.toggle("idle", length === 0 || over > 0);
    this.#button.setAttribute("aria-disabled", String(length === 0 || over > 0));
  }
}

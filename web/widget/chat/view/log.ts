/** The conversation: keeps one node per timeline item, replaces only what changed, and stays at the end if it was there. */
import { h, icon, ICONS } from "../../shared/dom";
import type { Language } from "../i18n";
import { sameItem, type Item } from "../timeline";
import { drawItem, type BubbleActions } from "./bubble";

/** px from the end that still count as being at the end. */
const NEAR = 48;

interface Drawn {
  readonly item: Item;
  readonly node: HTMLElement;
}

export class Log {
  readonly element: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #list: HTMLElement;
  readonly #latest: HTMLButtonElement;
  readonly #actions: BubbleActions;
  #language: Language;
  #drawn = new Map<string, Drawn>();
  #follow = true;
  #filled = false;

  /** `tail` stands after the last message (the suggestions). */
  constructor(language: Language, actions: BubbleActions, tail: HTMLElement) {
    this.#language = language;
    this.#actions = actions;
    this.#list = h("div", { class: "list", role: "log", "aria-live": "polite", "aria-relevant": "additions" });
    this.#scroller = h("div", { class: "scroller", tabindex: 0, role: "region" }, this.#list, tail);
    this.#latest = h("button", { type: "button", class: "latest", hidden: true, on: { click: () => this.toEnd(true) } }, icon(18, ICONS.down));
    this.element = h("div", { class: "log" }, this.#scroller, this.#latest);
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    new ResizeObserver(() => this.#settle()).observe(this.#scroller);
    this.speak(language);
  }

  speak(language: Language): void {
    this.#language = language;
    this.#drawn.clear();
    this.#list.replaceChildren();
    this.#filled = false;
    this.#list.setAttribute("aria-label", language.words.conversation);
    this.#scroller.setAttribute("aria-label", language.words.conversation);
    this.#latest.setAttribute("aria-label", language.words.latest);
    this.#latest.title = language.words.latest;
  }

  update(items: readonly Item[]): void {
    const next = new Map<string, Drawn>();
    let place: ChildNode | null = this.#list.firstChild;
    for (const item of items) {
      const before = this.#drawn.get(item.key);
      const node = before !== undefined && sameItem(before.item, item) ? before.node : this.#redraw(before, item);
      next.set(item.key, { item, node });
      if (node === place) place = place.nextSibling;
      else this.#list.insertBefore(node, place);
    }
    for (const [key, { node }] of this.#drawn) if (next.get(key)?.node !== node) node.remove();
    this.#drawn = next;
    this.#filled = items.length > 0;
    this.#settle();
  }

  toEnd(smooth = false): void {
    this.#follow = true;
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior: smooth && !calm ? "smooth" : "instant" });
    this.#latest.hidden = true;
  }

  /** A new node where none was appears with a small movement; history and replaced nodes just stand there. */
  #redraw(before: Drawn | undefined, item: Item): HTMLElement {
    const node = drawItem(item, this.#language, this.#actions);
    if (before === undefined && this.#filled) node.classList.add("enters");
    return node;
  }

  #onScroll(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#follow = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#follow) this.#latest.hidden = true;
  }

  #settle(): void {
    if (this.#follow) this.toEnd();
    else this.#latest.hidden = false;
  }
}

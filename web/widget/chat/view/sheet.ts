/** The passage behind a citation, in a native modal dialog: focus stays inside, Escape closes it and it only. */
import { h, icon, ICONS } from "../../shared/dom";
import type { Language } from "../i18n";
import { safeLink } from "../markdown";
import type { Citation } from "../wire";

export class CitationSheet {
  readonly element = h("dialog", { class: "sheet", "aria-labelledby": "sheet-title" });
  #from: HTMLElement | null = null;

  constructor() {
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.element.close(); // the backdrop
    });
    this.element.addEventListener("close", () => {
      this.#from?.focus();
      this.#from = null;
    });
  }

  get open(): boolean {
    return this.element.open;
  }

  show(citation: Citation, language: Language, from: HTMLElement): void {
    this.#from = from;
    this.element.replaceChildren(this.#content(citation, language));
    if (!this.element.open) this.element.showModal();
  }

  #content(citation: Citation, { words }: Language): HTMLElement {
    const close = h("button", { type: "button", class: "icon-button", "aria-label": words.closeSource, title: words.closeSource, on: { click: () => this.element.close() } }, icon(20, ICONS.close));
    const place = [citation.heading, citation.page === null ? null : words.page(citation.page)].filter((part) => part !== null).join(" · ");
    const link = citation.url === null ? null : safeLink(citation.url);
    return h(
      "div",
      { class: "sheet-body" },
      h("div", { class: "sheet-top" }, h("p", { class: "sheet-kind" }, words.sourceHeading(citation.n)), close),
      h("h2", { id: "sheet-title" }, citation.title),
      place === "" ? null : h("p", { class: "sheet-place" }, place),
      citation.excerpt === "" ? null : h("blockquote", { tabindex: 0 }, citation.excerpt),
      link === null
        ? null
        : h("a", { class: "sheet-link", href: link.href, target: "_blank", rel: "noopener noreferrer nofollow" }, icon(16, ICONS.link), h("span", {}, words.openSource, h("small", {}, link.shown))),
    );
  }
}

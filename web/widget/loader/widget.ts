/** Launcher and panel together: opening, closing, focus, unread, and what a phone's keyboard does to the height. */
import { applyAccent, parseHex } from "../shared/color";
import { h, icon, ICONS } from "../shared/dom";
import type { Locale } from "../shared/locale";
import type { ChatMessage, Position } from "../shared/protocol";
import { Memory } from "./memory";
import { Panel } from "./panel";
import { attachStyle } from "./style";
import { WORDS, type LoaderWords } from "./words";

export interface WidgetOptions {
  readonly site: string;
  /** Origin of the gateway. */
  readonly base: string;
  /** From the script tag; they win over what the server says. */
  readonly position: Position | null;
  readonly accent: string | null;
  readonly fallbackAccent: string;
  readonly locale: Locale;
}

const PHONE = "(max-width: 480px), (max-height: 480px) and (pointer: coarse)";

export class Widget {
  readonly #options: WidgetOptions;
  readonly #memory: Memory;
  readonly #words: LoaderWords;
  readonly #panel: Panel;
  readonly #root: HTMLElement;
  readonly #launcher: HTMLButtonElement;
  readonly #badge: HTMLElement;
  readonly #phone = window.matchMedia(PHONE);
  #open = false;
  #unread = 0;
  #overflow = "";

  constructor(options: WidgetOptions) {
    this.#options = options;
    this.#memory = new Memory(options.site);
    this.#words = WORDS[options.locale];
    this.#panel = new Panel({
      address: frameAddress(options),
      words: this.#words,
      onMessage: (message) => this.#receive(message),
      onClose: () => this.close(),
    });
    this.#badge = h("span", { class: "badge", hidden: true, "aria-hidden": "true" });
    this.#launcher = this.#makeLauncher();
    this.#root = h("div", { class: "root", lang: options.locale }, this.#launcher, this.#panel.element);
    this.#paint();
  }

  mount(host: HTMLElement): void {
    const shadow = host.attachShadow({ mode: "open" });
    attachStyle(shadow);
    shadow.append(this.#root);
    document.body.append(host);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#open && !event.defaultPrevented) this.close();
    });
    window.visualViewport?.addEventListener("resize", () => this.#fitKeyboard());
    window.visualViewport?.addEventListener("scroll", () => this.#fitKeyboard());
    this.#phone.addEventListener("change", () => this.#lockScroll());
    this.#resume();
  }

  open(focus = true): void {
    if (this.#open) return;
    this.#panel.load();
    this.#setOpen(true);
    this.#panel.tell({ type: "opened", focus });
    if (focus) this.#panel.focus();
  }

  close(): void {
    if (!this.#open) return;
    this.#setOpen(false);
    this.#panel.tell({ type: "closed" });
    this.#launcher.focus();
  }

  toggle(): void {
    if (this.#open) this.close();
    else this.open();
  }

  #makeLauncher(): HTMLButtonElement {
    const prefetch = (): void => this.#panel.load();
    return h(
      "button",
      {
        class: "launcher", type: "button", "aria-expanded": "false", "aria-controls": "replyx-panel", "aria-label": this.#words.open,
        on: { click: () => this.toggle(), pointerenter: prefetch, focus: prefetch },
      },
      icon(26, ICONS.talk, "talk"),
      icon(26, ICONS.down, "shut"),
      this.#badge,
    );
  }

  /** A visitor who is in a conversation gets it back on the next page: open if it was, else quietly counting. */
  #resume(): void {
    if (this.#memory.wasOpen && !this.#phone.matches) this.open(false);
    else if (this.#memory.get()?.live === true) whenIdle(() => this.#panel.load());
  }

  #receive(message: ChatMessage): void {
    switch (message.type) {
      case "close":
        this.close();
        break;
      case "unread":
        this.#unread = message.count;
        this.#label();
        break;
      case "theme":
        this.#memory.set({ accent: message.accent, position: message.position, live: message.live });
        this.#panel.element.setAttribute("aria-label", message.title);
        this.#paint();
        break;
      case "hello":
        break;
    }
  }

  #setOpen(open: boolean): void {
    this.#open = open;
    this.#memory.wasOpen = open;
    this.#root.classList.toggle("open", open);
    this.#panel.element.toggleAttribute("inert", !open);
    this.#lockScroll();
    this.#fitKeyboard();
    this.#label();
  }

  #label(): void {
    const count = this.#open ? 0 : this.#unread;
    this.#badge.hidden = count === 0;
    this.#badge.textContent = count > 9 ? "9+" : String(count);
    this.#launcher.setAttribute("aria-expanded", String(this.#open));
    const name = this.#open ? this.#words.close : this.#words.open;
    this.#launcher.setAttribute("aria-label", count > 0 ? `${name}, ${this.#words.unread(count)}` : name);
  }

  #paint(): void {
    const remembered = this.#memory.get();
    const position = this.#options.position ?? remembered?.position ?? "right";
    const accent = this.#options.accent ?? remembered?.accent ?? "";
    applyAccent(this.#root, parseHex(accent) === null ? this.#options.fallbackAccent : accent);
    this.#root.classList.toggle("left", position === "left");
  }

  /** Full screen on a phone: the page behind must not scroll under the finger. */
  #lockScroll(): void {
    const page = document.documentElement;
    const lock = this.#open && this.#phone.matches;
    const locked = page.dataset["replyxLock"] === "1";
    if (lock === locked) return;
    if (lock) this.#overflow = page.style.overflow;
    page.style.overflow = lock ? "hidden" : this.#overflow;
    if (lock) page.dataset["replyxLock"] = "1";
    else delete page.dataset["replyxLock"];
  }

  /** iOS does not resize the layout for the keyboard, so the panel follows the visual viewport while it is open. */
  #fitKeyboard(): void {
    const view = window.visualViewport;
    if (!this.#open || view === null) return;
    this.#root.style.setProperty("--view-height", `${view.height}px`);
    this.#root.style.setProperty("--view-top", `${view.offsetTop}px`);
  }
}

/** The page's address travels in the fragment: our server never sees it unless the chat sends it on purpose. */
function frameAddress({ base, site, locale }: WidgetOptions): string {
  const note = new URLSearchParams({ host: location.origin, page: location.origin + location.pathname, locale });
  return `${base}/chat/${encodeURIComponent(site)}?embed=1#${note.toString()}`;
}

function whenIdle(action: () => void): void {
  if ("requestIdleCallback" in window) window.requestIdleCallback(action, { timeout: 4000 });
  else setTimeout(action, 1500);
}

export function mount(options: WidgetOptions): Widget {
  const widget = new Widget(options);
  widget.mount(h("div", { id: "replyx-widget" }));
  return widget;
}

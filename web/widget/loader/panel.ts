/** The panel: a frame that is made on first use, its cover while loading, and the messages to and from the chat. */
import { h, icon, ICONS } from "../shared/dom";
import { envelope, readChatMessage, type ChatMessage, type HostMessage } from "../shared/protocol";
import type { LoaderWords } from "./words";

/** ms without a sign of life from the frame before the cover says that it did not load. */
const PATIENCE = 15_000;

export interface PanelOptions {
  readonly address: string;
  readonly words: LoaderWords;
  readonly onMessage: (message: ChatMessage) => void;
  readonly onClose: () => void;
}

export class Panel {
  readonly element: HTMLElement;
  readonly #options: PanelOptions;
  readonly #origin: string;
  #frame: HTMLIFrameElement | null = null;
  #loaded = false;
  #last: HostMessage | null = null;
  #timer: number | undefined;

  constructor(options: PanelOptions) {
    this.#options = options;
    this.#origin = new URL(options.address).origin;
    this.element = h(
      "div",
      { class: "panel", role: "dialog", "aria-label": options.words.panel, inert: true, id: "replyx-panel" },
      this.#cover(),
    );
    window.addEventListener("message", (event) => this.#receive(event));
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** Creates the frame unless it exists; safe to call on each hover. */
  load(): void {
    if (this.#frame !== null) return;
    this.element.classList.remove("failed");
    this.#frame = h("iframe", { src: this.#options.address, title: this.#options.words.panel, allow: "clipboard-write" });
    this.element.append(this.#frame);
    this.#timer = window.setTimeout(() => this.#giveUp(), PATIENCE);
  }

  /** Remembered until the chat is up, then sent; only the latest matters. */
  tell(message: HostMessage): void {
    this.#last = message;
    if (this.#loaded) this.#frame?.contentWindow?.postMessage(envelope(message), this.#origin);
  }

  /** Puts the focus inside: into the chat if it is up, else on the cover's close button. */
  focus(): void {
    if (this.#loaded) this.#frame?.focus();
    else this.element.querySelector<HTMLElement>(".plain")?.focus();
  }

  #receive(event: MessageEvent<unknown>): void {
    if (event.origin !== this.#origin || this.#frame === null || event.source !== this.#frame.contentWindow) return;
    const message = readChatMessage(event.data);
    if (message === null) return;
    if (message.type === "hello") this.#ready();
    else this.#options.onMessage(message);
  }

  #ready(): void {
    window.clearTimeout(this.#timer);
    const focusWaited = this.element.contains(activeWithin(this.element));
    this.#loaded = true;
    this.element.classList.add("loaded");
    if (this.#last !== null) this.tell(this.#last);
    if (focusWaited) this.#frame?.focus();
  }

  #giveUp(): void {
    this.#frame?.remove();
    this.#frame = null;
    this.element.classList.add("failed");
  }

  #cover(): HTMLElement {
    const { words, onClose } = this.#options;
    return h(
      "div",
      { class: "cover" },
      h("div", { class: "bone head" }),
      h("div", { class: "bone" }),
      h("div", { class: "bone short" }),
      h("button", { class: "plain", type: "button", "aria-label": words.close, on: { click: onClose } }, icon(20, ICONS.close)),
      h(
        "div",
        { class: "failure", role: "alert" },
        words.failed,
        h("br"),
        h("button", { class: "again", type: "button", on: { click: () => this.load() } }, words.retry),
      ),
    );
  }
}

function activeWithin(element: HTMLElement): Element | null {
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.activeElement : document.activeElement;
}

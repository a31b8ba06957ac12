/** The chat's end of the protocol with the host page. Without a host (full page) everything here does nothing. */
import { envelope, readHostMessage, type ChatMessage, type HostMessage } from "../shared/protocol";

export interface Surroundings {
  /** Origin of the page that embeds us; null on a page of our own. */
  readonly host: string | null;
  readonly page: string | null;
  readonly locale: string | null;
}

/**
 * Who embeds us. Where the browser tells the real ancestor (`ancestorOrigins`) that is believed and not the fragment;
 * frame-ancestors in the page's CSP has already refused every host that the tenant did not allow.
 */
export function surroundings(win: Window): Surroundings {
  const embedded = new URLSearchParams(win.location.search).get("embed") === "1" && win.parent !== win;
  const note = new URLSearchParams(win.location.hash.slice(1));
  const locale = note.get("locale");
  if (!embedded) return { host: null, page: null, locale };
  const ancestors = (win.location as Partial<Location>).ancestorOrigins;
  return { host: ancestors?.[0] ?? note.get("host"), page: note.get("page"), locale };
}

export class Bridge {
  readonly #host: string | null;

  constructor(host: string | null, onMessage: (message: HostMessage) => void) {
    this.#host = host;
    if (host === null) return;
    window.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (event.source !== window.parent || event.origin !== host) return;
      const message = readHostMessage(event.data);
      if (message !== null) onMessage(message);
    });
  }

  get embedded(): boolean {
    return this.#host !== null;
  }

  post(message: ChatMessage): void {
    if (this.#host !== null) window.parent.postMessage(envelope(message), this.#host);
  }
}

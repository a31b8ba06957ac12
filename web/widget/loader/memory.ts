/** What the loader remembers on the host's origin: colours (so that the launcher does not change them) and state. */
import { attempt, fields, flag, oneOf, parseJson, text } from "../shared/json";
import type { Position } from "../shared/protocol";

export interface Remembered {
  readonly accent: string;
  readonly position: Position;
  /** There is a conversation, so load the chat in the background to count unread answers. */
  readonly live: boolean;
}

export class Memory {
  readonly #site: string;

  constructor(site: string) {
    this.#site = site;
  }

  get(): Remembered | null {
    const raw = read(() => localStorage.getItem(`replyx:${this.#site}`));
    if (raw === null) return null;
    return attempt(() => {
      const source = fields(parseJson(raw));
      return { accent: text(source, "accent"), position: oneOf(source, "position", ["left", "right"] as const), live: flag(source, "live") };
    });
  }

  set(value: Remembered): void {
    read(() => localStorage.setItem(`replyx:${this.#site}`, JSON.stringify(value)));
  }

  /** Whether the visitor left the panel open on the page before, in this tab. */
  get wasOpen(): boolean {
    return read(() => sessionStorage.getItem(`replyx:${this.#site}:open`)) === "1";
  }

  set wasOpen(value: boolean) {
    read(() => sessionStorage.setItem(`replyx:${this.#site}:open`, value ? "1" : "0"));
  }
}

/** Storage may be blocked by the browser or the host's sandbox: then nothing is remembered. */
function read<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}

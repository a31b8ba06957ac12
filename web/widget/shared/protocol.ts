/**
 * The messages between the host page (loader) and the chat (iframe), over postMessage.
 *
 * Both ends check the origin *and* the source window before they look at the data, and both name the other's origin
 * when they send. The host's origin and page address reach the chat in the URL fragment, which no server ever sees.
 */
import { attempt, fields, flag, number, oneOf, text, type Fields } from "./json";

export type Position = "left" | "right";

export type HostMessage =
  | { readonly type: "opened"; readonly focus: boolean }
  | { readonly type: "closed" };

export type ChatMessage =
  | { readonly type: "hello" }
  | { readonly type: "theme"; readonly accent: string; readonly position: Position; readonly title: string; readonly live: boolean }
  | { readonly type: "unread"; readonly count: number }
  | { readonly type: "close" };

const CHANNEL = "replyx/1";

export function envelope(message: HostMessage | ChatMessage): Record<string, unknown> {
  return { channel: CHANNEL, ...message };
}

function open(data: unknown): Fields | null {
  const source = attempt(() => fields(data));
  return source?.["channel"] === CHANNEL ? source : null;
}

export function readHostMessage(data: unknown): HostMessage | null {
  const source = open(data);
  if (source === null) return null;
  return attempt((): HostMessage => {
    const type = oneOf(source, "type", ["opened", "closed"] as const);
    return type === "opened" ? { type, focus: flag(source, "focus") } : { type };
  });
}

export function readChatMessage(data: unknown): ChatMessage | null {
  const source = open(data);
  if (source === null) return null;
  return attempt((): ChatMessage => {
    const type = oneOf(source, "type", ["hello", "theme", "unread", "close"] as const);
    switch (type) {
      case "theme":
        return {
          type,
          accent: text(source, "accent"),
          position: oneOf(source, "position", ["left", "right"] as const),
          title: text(source, "title"),
          live: flag(source, "live"),
        };
      case "unread":
        return { type, count: Math.max(0, Math.trunc(number(source, "count"))) };
      case "hello":
      case "close":
        return { type };
    }
  });
}

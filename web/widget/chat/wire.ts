/** What the gateway sends, parsed before use. Unknown event names and malformed events decode to null. */
import * as json from "../shared/json";
import type { Position } from "../shared/protocol";

export type Mode = "ai" | "requested" | "assigned" | "active";
export type Role = "customer" | "assistant" | "operator" | "system";
export type Delivery = "none" | "queued" | "sent" | "failed" | "uncertain";

export interface Citation {
  readonly n: number;
  readonly title: string;
  readonly heading: string | null;
  readonly page: number | null;
  readonly url: string | null;
  readonly excerpt: string;
}

export interface Message {
  readonly seq: number;
  readonly id: string;
  readonly role: Role;
  readonly text: string;
  readonly citations: readonly Citation[];
  readonly clientId: string | null;
  readonly turnId: string | null;
  readonly delivery: Delivery;
  readonly author: string | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

export interface Session {
  readonly visitorToken: string;
  readonly dialogId: string;
  readonly locale: string;
  readonly assistant: string;
  readonly greeting: string;
  readonly suggestions: readonly string[];
  readonly accent: string;
  readonly position: Position;
  readonly mode: Mode;
  readonly lastSeq: number;
  /** Oldest first. */
  readonly messages: readonly Message[];
}

/** The first three are durable (they take a seq of the dialog); the rest are gone when they are missed. */
export type ServerEvent =
  | { readonly type: "message"; readonly seq: number; readonly message: Message }
  | { readonly type: "mode"; readonly seq: number; readonly mode: Mode }
  | { readonly type: "delivery"; readonly seq: number; readonly messageId: string; readonly delivery: Delivery }
  | { readonly type: "turn"; readonly turnId: string; readonly state: "started" | "aborted" | "done" }
  /** `offset` counts Unicode code points before `text`. */
  | { readonly type: "delta"; readonly turnId: string; readonly offset: number; readonly text: string }
  | { readonly type: "typing"; readonly name: string }
  | { readonly type: "ready"; readonly lastSeq: number }
  | { readonly type: "reset" };

const MODES = ["ai", "requested", "assigned", "active"] as const;
const ROLES = ["customer", "assistant", "operator", "system"] as const;
const DELIVERIES = ["none", "queued", "sent", "failed", "uncertain"] as const;
const TURN_STATES = ["started", "aborted", "done"] as const;

function readCitation(value: unknown): Citation {
  const source = json.fields(value);
  return {
    n: json.number(source, "n"),
    title: json.text(source, "title"),
    heading: json.optionalText(source, "heading"),
    page: json.optionalNumber(source, "page"),
    url: json.optionalText(source, "url"),
    excerpt: json.optionalText(source, "excerpt") ?? "",
  };
}

export function readMessage(value: unknown): Message {
  const source = json.fields(value);
  return {
    seq: json.number(source, "seq"),
    id: json.text(source, "id"),
    role: json.oneOf(source, "role", ROLES),
    text: json.text(source, "text"),
    citations: json.list(source, "citations", readCitation),
    clientId: json.optionalText(source, "client_id"),
    turnId: json.optionalText(source, "turn_id"),
    delivery: json.oneOf(source, "delivery", DELIVERIES),
    author: json.optionalText(source, "author"),
    createdAt: json.text(source, "created_at"),
  };
}

/** Throws DecodeError. */
export function readSession(value: unknown): Session {
  const source = json.fields(value);
  const theme = json.fields(source["theme"] ?? {});
  return {
    visitorToken: json.text(source, "visitor_token"),
    dialogId: json.text(source, "dialog_id"),
    locale: json.optionalText(source, "locale") ?? "",
    assistant: json.text(json.fields(source["assistant"]), "name"),
    greeting: json.optionalText(source, "greeting") ?? "",
    suggestions: json.list(source, "suggestions", String).slice(0, 3),
    accent: json.optionalText(theme, "accent") ?? "",
    position: theme["position"] === "left" ? "left" : "right",
    mode: json.oneOf(source, "mode", MODES),
    lastSeq: json.number(source, "last_seq"),
    messages: json.list(source, "messages", readMessage),
  };
}

type Reader = (source: json.Fields) => ServerEvent;

const READERS: Readonly<Record<string, Reader>> = {
  message: (source) => {
    const message = readMessage(source);
    return { type: "message", seq: message.seq, message };
  },
  mode: (source) => ({ type: "mode", seq: json.number(source, "seq"), mode: json.oneOf(source, "mode", MODES) }),
  delivery: (source) => ({
    type: "delivery",
    seq: json.number(source, "seq"),
    messageId: json.text(source, "message_id"),
    delivery: json.oneOf(source, "delivery", DELIVERIES),
  }),
  turn: (source) => ({ type: "turn", turnId: json.text(source, "turn_id"), state: json.oneOf(source, "state", TURN_STATES) }),
  delta: (source) => ({
    type: "delta",
    turnId: json.text(source, "turn_id"),
    offset: json.number(source, "offset"),
    text: json.text(source, "text"),
  }),
  typing: (source) => ({ type: "typing", name: json.optionalText(source, "name") ?? "" }),
  ready: (source) => ({ type: "ready", lastSeq: json.number(source, "last_seq") }),
  reset: () => ({ type: "reset" }),
};

export function readEvent(name: string, data: string): ServerEvent | null {
  const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  if (reader === undefined) return null;
  return json.attempt(() => reader(json.fields(data === "" ? {} : json.parseJson(data))));
}

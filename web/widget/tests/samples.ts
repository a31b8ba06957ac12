/** Messages and sessions as the gateway would send them. */
import type { Message, ServerEvent, Session } from "../chat/wire";

export function message(seq: number, over: Partial<Message> = {}): Message {
  return {
    seq,
    id: `m${seq}`,
    role: "customer",
    text: `text ${seq}`,
    citations: [],
    clientId: null,
    turnId: null,
    delivery: "none",
    author: null,
    createdAt: "2026-03-01T10:00:00Z",
    ...over,
  };
}

export function session(over: Partial<Session> = {}): Session {
  return {
    visitorToken: "token",
    dialogId: "d1",
    locale: "en",
    assistant: "Ada",
    greeting: "Hello",
    suggestions: [],
    accent: "#4f46e5",
    position: "right",
    mode: "ai",
    lastSeq: 0,
    messages: [],
    ...over,
  };
}

export function messageEvent(seq: number, over: Partial<Message> = {}): ServerEvent {
  return { type: "message", seq, message: message(seq, over) };
}

/** What stands in the conversation, in order, worked out from the state. Pure; the log view only draws it. */
import type { Pending, State } from "./state";
import type { Message } from "./wire";

export type Item =
  | { readonly kind: "greeting"; readonly key: string; readonly text: string }
  | { readonly kind: "time"; readonly key: string; readonly at: string }
  | { readonly kind: "message"; readonly key: string; readonly message: Message; readonly opens: boolean; readonly named: boolean; readonly latestOwn: boolean }
  | { readonly kind: "pending"; readonly key: string; readonly pending: Pending; readonly opens: boolean; readonly latestOwn: boolean }
  | { readonly kind: "turn"; readonly key: string; readonly text: string }
  | { readonly kind: "typing"; readonly key: string; readonly name: string | null };

const QUIET = 10 * 60_000;
const HISTORY = 100;

/** A message keeps its key from the moment it is written until it is history, so its bubble never jumps. */
export function timeline(state: State): Item[] {
  if (state.session === null) return state.pending.map((pending, index) => pendingItem(state, pending, index === 0));
  const items: Item[] = [];
  if (state.session.greeting !== "" && state.messages.length < HISTORY) items.push({ kind: "greeting", key: "greeting", text: state.session.greeting });
  const mixed = state.messages.some((message) => message.role === "operator");
  state.messages.forEach((message, index) => {
    const before = state.messages[index - 1];
    const quiet = before !== undefined && Date.parse(message.createdAt) - Date.parse(before.createdAt) > QUIET;
    if (before === undefined || quiet) items.push({ kind: "time", key: `time:${message.seq}`, at: message.createdAt });
    items.push(messageItem(state, message, quiet || !sameVoice(before, message), mixed));
  });
  const voice = state.messages.at(-1)?.role;
  state.pending.forEach((pending, index) => items.push(pendingItem(state, pending, index === 0 && voice !== "customer")));
  items.push(...writing(state));
  return items;
}

function messageItem(state: State, message: Message, opens: boolean, mixed: boolean): Item {
  const key = message.turnId !== null && message.role === "assistant" ? `turn:${message.turnId}` : (message.clientId ?? message.id);
  const named = opens && (message.role === "operator" || (mixed && message.role === "assistant"));
  return { kind: "message", key, message, opens, named, latestOwn: message.role === "customer" && state.pending.length === 0 && message === state.messages.at(-1) };
}

function pendingItem(state: State, pending: Pending, opens: boolean): Item {
  return { kind: "pending", key: pending.clientId, pending, opens, latestOwn: pending === state.pending.at(-1) };
}

/** Dots stand only where something is being produced: a turn without text yet, or a person typing. */
function writing(state: State): Item[] {
  const items: Item[] = [];
  if (state.turn !== null) {
    const key = `turn:${state.turn.id}`;
    items.push(state.turn.text === "" ? { kind: "typing", key, name: null } : { kind: "turn", key, text: state.turn.text });
  }
  if (state.operatorTyping !== null) items.push({ kind: "typing", key: "operator", name: state.operatorTyping });
  return items;
}

function sameVoice(before: Message | undefined, message: Message): boolean {
  return before?.role === message.role && before.author === message.author;
}

/** True when drawing `after` would give the node that `before` gave. */
export function sameItem(before: Item, after: Item): boolean {
  const a = Object.entries(before) as [keyof Item, unknown][];
  return before.kind === after.kind && a.every(([name, value]) => after[name] === value);
}

/** Answers the visitor has not seen. */
export function unreadCount(state: State, lastRead: number): number {
  return state.messages.filter((message) => message.seq > lastRead && (message.role === "assistant" || message.role === "operator")).length;
}

/** The person who answers now, as far as their messages tell. */
export function operatorName(state: State): string | null {
  return state.messages.findLast((message) => message.role === "operator")?.author ?? null;
}

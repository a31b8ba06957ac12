/** What stands in the conversation, in order, worked out from the state. Pure; the log view only draws it. */
import type { Pending, State } from "./state";
import type { Message } from "./wire";

export type Item =
  | { readonly kind: "greeting"; readonly key: string; readonly text: string }
  | { readonly kind: "time"; readonly key: string; readonly at: string }
  | { readonly kind: "message"; readonly key: string; readonly message: Message; readonly opens: boolean; readonly named: boolean; readonly latestOwn: boolean }
  | { readonly kind: "pending"; readonly key: string; readonly pending: Pending; readonly opens: boolean; readonly latestOwn: boolean }
  | { readonly kind: "turn"; readonly key: string; readonly text: string; readonly live: boolean }
  | { readonly kind: "typing"; readonly key: string; readonly name: string | null };

const QUIET = 10 * 60_000;
const HISTORY = 100;

/** A message keeps its key from the moment it is written until it is history, so its bubble never jumps. */
export function timeline(state: State): Item[] {
  if (state.session === null) return outgoing(state);
  const items: Item[] = [];
  if (state.session.greeting !== "" && state.messages.length < HISTORY) items.push({ kind: "greeting", key: "greeting", text: state.session.greeting });
  const mixed = state.messages.some((message) => message.role === "operator");
  // its "Sent" stays when the answer comes: taking it away would move everything below
  const latestOwn = state.pending.length > 0 ? undefined : state.messages.findLast((message) => message.role === "customer");
  state.messages.forEach((message, index) => {
    const before = state.messages[index - 1];
    const quiet = afterQuiet(before, Date.parse(message.createdAt));
    const item = messageItem(message, quiet || !sameVoice(before, message), mixed, latestOwn);
    if (quiet) items.push({ kind: "time", key: `time:${item.key}`, at: message.createdAt });
    items.push(item);
  });
  items.push(...outgoing(state), ...writing(state));
  return items;
}

/** The first message, and one that comes after ten quiet minutes, gets its time above it. */
function afterQuiet(before: Message | undefined, at: number): boolean {
  return before === undefined || at - Date.parse(before.createdAt) > QUIET;
}

/** The time stands above a message from the moment it is written: nothing moves when the server confirms it. */
function outgoing(state: State): Item[] {
  const before = state.messages.at(-1);
  return state.pending.flatMap((pending, index) => {
    const item = pendingItem(state, pending, index === 0 && before?.role !== "customer");
    if (index > 0 || !afterQuiet(before, pending.createdAt)) return [item];
    return [{ kind: "time", key: `time:${item.key}`, at: new Date(pending.createdAt).toISOString() }, item];
  });
}

function messageItem(message: Message, opens: boolean, mixed: boolean, latestOwn: Message | undefined): Item {
  const key = message.turnId !== null && message.role === "assistant" ? `turn:${message.turnId}` : (message.clientId ?? message.id);
  const named = opens && (message.role === "operator" || (mixed && message.role === "assistant"));
  return { kind: "message", key, message, opens, named, latestOwn: message === latestOwn };
}

function pendingItem(state: State, pending: Pending, opens: boolean): Item {
  return { kind: "pending", key: pending.clientId, pending, opens, latestOwn: pending === state.pending.at(-1) };
}

/** Dots stand only where we know that something is being produced: not while the connection is down. */
function writing(state: State): Item[] {
  const items: Item[] = [];
  const live = state.link.phase === "live";
  if (state.turn !== null) {
    const key = `turn:${state.turn.id}`;
    if (state.turn.text !== "") items.push({ kind: "turn", key, text: state.turn.text, live });
    else if (live) items.push({ kind: "typing", key, name: null });
  }
  if (live && state.operatorTyping !== null) items.push({ kind: "typing", key: "operator", name: state.operatorTyping });
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

/**
 * The one place where state changes. Pure: the same state and action always give the same state.
 *
 * Durable events carry the dialog's seq. A seq at or below lastSeq was seen (replays overlap). A hole in the live
 * stream asks for a replay; a hole inside a replay is real (the database has nothing there for us) and is stepped over.
 * The rule that the tests hold: stale state + events == fresh state.
 */
import { applyDelta, newTurn, type Delta } from "./deltas";
import type { Action, Pending, State } from "./state";
import type { Message, ServerEvent, Session } from "./wire";

type DurableEvent = Extract<ServerEvent, { seq: number }>;

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "session":
      return withSession(state, action.session);
    case "refused":
      return { ...state, refused: true };
    case "offline":
      return { ...state, offline: action.offline };
    case "link":
      return { ...state, link: action.link };
    case "opened":
      return { ...state, replaying: true, wants: "nothing", operatorTyping: null, turn: unconfirmed(state) };
    case "server":
      return withEvent(state, action.event);
    case "operator-stopped":
      return { ...state, operatorTyping: null };
    case "queued":
      return { ...state, pending: unheld([...state.pending, ...action.pending], state.messages) };
    case "pending":
      return { ...state, pending: state.pending.map((item) => (item.clientId === action.clientId ? { ...item, status: action.status, detail: action.detail } : item)) };
    case "discarded":
      return { ...state, pending: state.pending.filter((item) => item.clientId !== action.clientId) };
  }
}

function withSession(state: State, session: Session): State {
  const same = state.session?.dialogId === session.dialogId;
  const messages = [...session.messages].sort((a, b) => a.seq - b.seq);
  return {
    ...state,
    session,
    messages,
    lastSeq: session.lastSeq,
    mode: session.mode,
    turn: same && !answered(messages, state.turn?.id ?? "") ? state.turn : null,
    pending: unheld(state.pending, messages),
    wants: "nothing",
    refused: false,
  };
}

function withEvent(state: State, event: ServerEvent): State {
  switch (event.type) {
    case "message":
    case "mode":
    case "delivery":
      return withDurable(state, event);
    case "ready":
      return withReady(state, event.lastSeq);
    case "reset":
      return { ...state, wants: "session" };
    case "typing":
      return { ...state, operatorTyping: event.name };
    case "turn":
      return withTurn(state, event.turnId, event.state);
    case "delta":
      return answered(state.messages, event.turnId) ? state : withDelta(state, event);
  }
}

function withDelta(state: State, delta: Delta): State {
  const turn = applyDelta(state.turn, delta);
  const next = { ...state, turn };
  return turn.broken && state.turn?.broken !== true ? wantReplay(next) : next;
}

/** A new session says more than a replay, so it is never downgraded to one. */
function wantReplay(state: State): State {
  return state.wants === "session" ? state : { ...state, wants: "replay" };
}

function withDurable(state: State, event: DurableEvent): State {
  if (event.seq <= state.lastSeq) return state;
  if (!state.replaying && event.seq > state.lastSeq + 1) return wantReplay(state);
  const next = { ...state, lastSeq: event.seq };
  switch (event.type) {
    case "message":
      return withMessage(next, event.message);
    case "mode":
      return { ...next, mode: event.mode, operatorTyping: event.mode === "active" ? next.operatorTyping : null };
    case "delivery":
      return { ...next, messages: next.messages.map((m) => (m.id === event.messageId ? { ...m, delivery: event.delivery } : m)) };
  }
}

function withMessage(state: State, message: Message): State {
  return {
    ...state,
    messages: [...state.messages, message],
    pending: unheld(state.pending, [message]),
    turn: message.turnId !== null && message.turnId === state.turn?.id ? null : state.turn,
    operatorTyping: message.role === "operator" ? null : state.operatorTyping,
  };
}

/** The replay is over. A turn that nobody mentioned in it ended while we were away. */
function withReady(state: State, lastSeq: number): State {
  return {
    ...state,
    replaying: false,
    lastSeq: Math.max(state.lastSeq, lastSeq),
    turn: state.turn?.confirmed === true ? state.turn : null,
    link: { phase: "live" },
  };
}

function withTurn(state: State, turnId: string, phase: "started" | "aborted" | "done"): State {
  if (answered(state.messages, turnId)) return state;
  if (phase === "started") {
    return { ...state, turn: state.turn?.id === turnId ? { ...state.turn, confirmed: true } : newTurn(turnId) };
  }
  // "done" keeps the text: its message is about to take the bubble's place
  const over = state.turn?.id === turnId && (phase === "aborted" || state.turn.text === "");
  return over ? { ...state, turn: null } : state;
}

function unconfirmed(state: State): State["turn"] {
  return state.turn === null ? null : { ...state.turn, confirmed: false };
}

/** An answer is among the latest messages or it is long over. */
function answered(messages: readonly Message[], turnId: string): boolean {
  return messages.slice(-20).some((message) => message.turnId === turnId);
}

function unheld(pending: readonly Pending[], messages: readonly Message[]): readonly Pending[] {
  const held = new Set(messages.map((message) => message.clientId));
  const left = pending.filter((item, index) => !held.has(item.clientId) && pending.findIndex((p) => p.clientId === item.clientId) === index);
  return left.length === pending.length ? pending : left;
}

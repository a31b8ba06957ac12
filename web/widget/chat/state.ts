/** Everything the view shows, as one immutable value. Only reducer.ts makes new ones. */
import type { Message, Mode, ServerEvent, Session } from "./wire";

/** A message the visitor wrote that the dialog does not hold yet. */
export interface Pending {
  readonly clientId: string;
  readonly text: string;
  /** Milliseconds since 1970, on this device. */
  readonly createdAt: number;
  /** queued: kept here; sending: on its way; accepted: the server has it on disk; refused: it will never take it. */
  readonly status: "queued" | "sending" | "accepted" | "refused";
  readonly detail: string | null;
}

/** The answer being written. `length` is in code points. `text` is empty until the first delta. */
export interface Turn {
  readonly id: string;
  readonly text: string;
  readonly length: number;
  /** A delta is missing: `text` stays as it is until a snapshot or the message itself arrives. */
  readonly broken: boolean;
  /** Heard of on the current connection; an unconfirmed one is over when the stream says `ready`. */
  readonly confirmed: boolean;
}

export type Link =
  | { readonly phase: "connecting" }
  | { readonly phase: "live" }
  /** `retryAt` in ms since 1970; `attempt` counts failures in a row. */
  | { readonly phase: "waiting"; readonly retryAt: number; readonly attempt: number };

export interface State {
  readonly session: Session | null;
  /** Ordered by seq, no two alike. */
  readonly messages: readonly Message[];
  readonly lastSeq: number;
  readonly mode: Mode;
  readonly turn: Turn | null;
  readonly operatorTyping: string | null;
  readonly pending: readonly Pending[];
  readonly link: Link;
  /** Between a connection's opening and its `ready`: what comes is read from the database, so a gap in it is no loss. */
  readonly replaying: boolean;
  /** What the controller must do next: read events again from lastSeq, or the session from the start. */
  readonly wants: "nothing" | "replay" | "session";
  /** This site refuses us (wrong key, origin not allowed): trying again would not help. */
  readonly refused: boolean;
  /** The device says that it has no network. A hint: the loopback works without one. */
  readonly offline: boolean;
}

export type Action =
  | { readonly type: "session"; readonly session: Session }
  | { readonly type: "refused" }
  | { readonly type: "offline"; readonly offline: boolean }
  | { readonly type: "link"; readonly link: Link }
  | { readonly type: "opened" }
  | { readonly type: "server"; readonly event: ServerEvent }
  | { readonly type: "operator-stopped" }
  | { readonly type: "queued"; readonly pending: readonly Pending[] }
  | { readonly type: "pending"; readonly clientId: string; readonly status: Pending["status"]; readonly detail: string | null }
  | { readonly type: "discarded"; readonly clientId: string };

export const INITIAL: State = {
  session: null,
  messages: [],
  lastSeq: 0,
  mode: "ai",
  turn: null,
  operatorTyping: null,
  pending: [],
  link: { phase: "connecting" },
  replaying: false,
  wants: "nothing",
  refused: false,
  offline: false,
};

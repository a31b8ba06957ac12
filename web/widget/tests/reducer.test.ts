import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reduce } from "../chat/reducer";
import { INITIAL, type Pending, type State } from "../chat/state";
import type { Delivery, Message, Mode, ServerEvent } from "../chat/wire";
import { message, messageEvent, session } from "./samples";

const server = (state: State, event: ServerEvent): State => reduce(state, { type: "server", event });

/** A connection: opens, replays what came after lastSeq, says ready. */
function connect(state: State, log: readonly ServerEvent[]): State {
  const opened = reduce(state, { type: "opened" });
  return server(log.reduce(server, opened), { type: "ready", lastSeq: Math.max(0, ...log.map((event) => ("seq" in event ? event.seq : 0))) });
}

function live(over: Parameters<typeof session>[0] = {}): State {
  return connect(reduce(INITIAL, { type: "session", session: session(over) }), []);
}

const pending = (clientId: string): Pending => ({ clientId, text: "hi", createdAt: 0, status: "sending", detail: null });

type Change = { what: "message" } | { what: "mode"; mode: Mode } | { what: "delivery"; pick: number; delivery: Delivery };

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constant<Change>({ what: "message" }),
  fc.record({ what: fc.constant("mode" as const), mode: fc.constantFrom<Mode>("ai", "requested", "assigned", "active") }),
  fc.record({ what: fc.constant("delivery" as const), pick: fc.nat(50), delivery: fc.constantFrom<Delivery>("queued", "sent", "failed", "uncertain") }),
);

/** What the server's database says after each change: the truth that clients are compared with. */
function history(changes: readonly Change[]): { log: ServerEvent[]; at: (seq: number) => State } {
  const log: ServerEvent[] = [];
  const states: { messages: Message[]; mode: Mode }[] = [{ messages: [], mode: "ai" }];
  changes.forEach((item, index) => {
    const seq = index + 1;
    const { messages, mode } = states[index] ?? { messages: [], mode: "ai" };
    const target = item.what === "delivery" ? messages[item.pick % Math.max(1, messages.length)] : undefined;
    if (item.what === "delivery" && target !== undefined) {
      log.push({ type: "delivery", seq, messageId: target.id, delivery: item.delivery });
      states.push({ messages: messages.map((m) => (m === target ? { ...m, delivery: item.delivery } : m)), mode });
    } else if (item.what === "mode") {
      log.push({ type: "mode", seq, mode: item.mode });
      states.push({ messages, mode: item.mode });
    } else {
      const added = message(seq, { role: seq % 2 === 0 ? "assistant" : "customer", turnId: seq % 2 === 0 ? `t${seq}` : null });
      log.push({ type: "message", seq, message: added });
      states.push({ messages: [...messages, added], mode });
    }
  });
  const at = (seq: number): State => {
    const { messages, mode } = states[seq] ?? { messages: [], mode: "ai" };
    return live({ messages, mode, lastSeq: seq });
  };
  return { log, at };
}

const seen = ({ messages, mode, lastSeq }: State): unknown => ({ messages, mode, lastSeq });

describe("durable events", () => {
  it("stale state + events == fresh state, whatever is repeated", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.nat(40), fc.array(fc.nat(39), { maxLength: 20 }), (changes, start, repeats) => {
        const { log, at } = history(changes);
        const from = Math.min(start, log.length);
        const stale = at(from);
        const again = repeats.map((index) => log[index]).filter((event) => event !== undefined && "seq" in event && event.seq <= from) as ServerEvent[];
        const caughtUp = [...again, ...log.slice(from), ...again].reduce(server, stale);
        expect(seen(caughtUp)).toEqual(seen(at(log.length)));
      }),
    );
  });

  it("a lost event asks for a replay, and the replay ends in the fresh state", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 2, maxLength: 30 }), fc.nat(28), (changes, index) => {
        const { log, at } = history(changes);
        const lost = index % (log.length - 1);
        const holed = log.filter((_, i) => i !== lost).reduce(server, at(0));
        expect(holed.wants).toBe("replay");
        expect(holed.lastSeq).toBe(lost);
        expect(seen(connect(holed, log.slice(lost)))).toEqual(seen(at(log.length)));
      }),
    );
  });

  it("steps over a hole inside a replay: the database has nothing there for a visitor", () => {
    const state = server(reduce(live(), { type: "opened" }), messageEvent(3));
    expect(state).toMatchObject({ lastSeq: 3, wants: "nothing" });
  });

  it("reset wants a new session and a later gap does not downgrade that", () => {
    const state = server(server(live(), { type: "reset" }), messageEvent(9));
    expect(state.wants).toBe("session");
  });
});

describe("the answer being written", () => {
  const started = (state: State): State => server(state, { type: "turn", turnId: "t1", state: "started" });
  const delta = (state: State, offset: number, text: string): State => server(state, { type: "delta", turnId: "t1", offset, text });

  it("grows by deltas and gives way to its message", () => {
    let state = delta(delta(started(live()), 0, "Hel"), 3, "lo");
    expect(state.turn?.text).toBe("Hello");
    state = server(state, messageEvent(1, { role: "assistant", turnId: "t1" }));
    expect(state.turn).toBeNull();
    expect(delta(state, 5, " late")).toBe(state);
  });

  it("an aborted turn leaves nothing", () => {
    expect(server(delta(live(), 0, "Hel"), { type: "turn", turnId: "t1", state: "aborted" }).turn).toBeNull();
  });

  it("a finished turn keeps its text until the message comes", () => {
    expect(server(delta(live(), 0, "Hel"), { type: "turn", turnId: "t1", state: "done" }).turn?.text).toBe("Hel");
  });

  it("survives a reconnect when the snapshot confirms it and ends when nothing does", () => {
    const state = reduce(delta(live(), 0, "Hel"), { type: "opened" });
    const confirmed = server(delta(state, 0, "Hello, w"), { type: "ready", lastSeq: 0 });
    expect(confirmed.turn?.text).toBe("Hello, w");
    expect(server(state, { type: "ready", lastSeq: 0 }).turn).toBeNull();
  });

  it("a missing delta asks for a snapshot once", () => {
    const holed = delta(delta(live(), 0, "Hel"), 7, "x");
    expect(holed).toMatchObject({ wants: "replay", turn: { text: "Hel", broken: true } });
    const again = delta(reduce(holed, { type: "opened" }), 9, "y");
    expect(again.wants).toBe("nothing");
  });
});

describe("messages on their way", () => {
  it("are replaced by the message with their client_id", () => {
    const state = reduce(live(), { type: "queued", pending: [pending("c1"), pending("c2")] });
    expect(server(state, messageEvent(1, { clientId: "c1" })).pending.map((item) => item.clientId)).toEqual(["c2"]);
  });

  it("are not queued twice and not at all if the dialog holds them", () => {
    const state = live({ messages: [message(1, { clientId: "c1" })], lastSeq: 1 });
    expect(reduce(state, { type: "queued", pending: [pending("c1"), pending("c2"), pending("c2")] }).pending).toHaveLength(1);
  });

  it("survive a new session in another dialog", () => {
    const state = reduce(live(), { type: "queued", pending: [pending("c1")] });
    expect(reduce(state, { type: "session", session: session({ dialogId: "d2" }) }).pending).toHaveLength(1);
  });
});

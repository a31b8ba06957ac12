import { describe, expect, it } from "vitest";
import { reduce } from "../chat/reducer";
import { INITIAL, type State } from "../chat/state";
import { sameItem, timeline, unreadCount, type Item } from "../chat/timeline";
import type { Session } from "../chat/wire";
import { message, messageEvent, session } from "./samples";

function open(over: Partial<Session> = {}): State {
  return reduce(reduce(INITIAL, { type: "session", session: session(over) }), { type: "link", link: { phase: "live" } });
}

const kinds = (state: State): Item["kind"][] => timeline(state).map((item) => item.kind);

describe("timeline", () => {
  it("greets, and shows dots only while a turn has no text", () => {
    let state = open();
    expect(kinds(state)).toEqual(["greeting"]);
    state = reduce(state, { type: "server", event: { type: "turn", turnId: "t", state: "started" } });
    expect(kinds(state)).toEqual(["greeting", "typing"]);
    state = reduce(state, { type: "server", event: { type: "delta", turnId: "t", offset: 0, text: "a" } });
    expect(kinds(state)).toEqual(["greeting", "turn"]);
    state = reduce({ ...state, operatorTyping: "Anna" }, { type: "link", link: { phase: "connecting" } });
    expect(timeline(state).at(-1)).toMatchObject({ kind: "turn", live: false });
  });

  it("a message keeps its place's key from writing to history", () => {
    const pending = { clientId: "c1", text: "hi", createdAt: 0, status: "sending", detail: null } as const;
    let state = reduce(open(), { type: "queued", pending: [pending] });
    const before = timeline(state).map((item) => item.key);
    state = reduce(state, { type: "server", event: messageEvent(1, { clientId: "c1" }) });
    expect(before).toEqual(["greeting", "time:c1", "c1"]);
    expect(timeline(state).map((item) => item.key)).toEqual(before);
  });

  it("tells the time at the start and after ten quiet minutes, and groups what follows", () => {
    const messages = [message(1), message(2), message(3, { createdAt: "2026-03-01T10:20:00Z" })];
    const items = timeline(open({ messages, lastSeq: 3, greeting: "" }));
    expect(items.map((item) => item.kind)).toEqual(["time", "message", "message", "time", "message"]);
    expect(items.map((item) => item.kind === "message" && item.opens)).toEqual([false, true, false, false, true]);
  });

  it("names the voices once a person has spoken", () => {
    const messages = [message(1, { role: "assistant" }), message(2, { role: "operator", author: "Anna" })];
    const named = (list: typeof messages): unknown[] => timeline(open({ messages: list, lastSeq: 2 })).filter((item) => item.kind === "message" && item.named);
    expect(named(messages)).toHaveLength(2);
    expect(named(messages.slice(0, 1))).toHaveLength(0);
  });

  it("knows an unchanged item", () => {
    const state = open({ messages: [message(1)], lastSeq: 1 });
    const [before, after] = [timeline(state), timeline({ ...state, offline: true })];
    expect(before.every((item, index) => sameItem(item, after[index] as Item))).toBe(true);
  });

  it("counts only answers that came after the last look", () => {
    const messages = [message(1, { role: "assistant" }), message(2), message(3, { role: "operator" }), message(4, { role: "system" })];
    expect(unreadCount(open({ messages, lastSeq: 4 }), 1)).toBe(1);
  });
});

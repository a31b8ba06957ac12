import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Outcome } from "../chat/api";
import { Outbox } from "../chat/outbox";
import { SiteStorage } from "../chat/storage";
import { Store } from "../chat/store";
import { messageEvent, session } from "./samples";

interface Desk {
  readonly store: Store;
  readonly outbox: Outbox;
  readonly sent: string[];
  outcome: Outcome<unknown>;
}

/** One page load: the storage is what the loads share. */
function load(storage: SiteStorage): Desk {
  const store = new Store();
  const sent: string[] = [];
  const desk: Desk = {
    store,
    sent,
    outcome: { kind: "ok", value: null },
    outbox: new Outbox({
      store,
      storage,
      send: (item) => {
        sent.push(item.clientId);
        return Promise.resolve(desk.outcome);
      },
      onUnauthorized: () => undefined,
    }),
  };
  store.dispatch({ type: "session", session: session() });
  desk.outbox.restore();
  return desk;
}

describe("Outbox", () => {
  let storage: SiteStorage;

  beforeEach(() => {
    vi.useFakeTimers();
    localStorage.clear();
    storage = new SiteStorage("site");
    return () => vi.useRealTimers();
  });

  const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

  it("keeps a message until the dialog holds it, over a reload, under one client_id", async () => {
    const first = load(storage);
    first.outcome = { kind: "later", afterMs: null };
    first.outbox.add("hello");
    await settle();
    const id = first.sent[0] ?? "";
    const second = load(storage);
    expect(second.store.state.pending).toMatchObject([{ clientId: id, text: "hello", status: "queued" }]);
    second.outbox.flush();
    await settle();
    expect(second.sent).toEqual([id]);
    expect(storage.unsent()).toHaveLength(1);
    second.store.dispatch({ type: "server", event: messageEvent(1, { clientId: id }) });
    expect(second.store.state.pending).toEqual([]);
    expect(storage.unsent()).toEqual([]);
  });

  it("sends in order, one at a time, and not past one that must wait", async () => {
    const desk = load(storage);
    desk.outcome = { kind: "later", afterMs: 5_000 };
    desk.outbox.add("one");
    desk.outbox.add("two");
    await settle();
    expect(desk.sent).toHaveLength(1);
    desk.outcome = { kind: "ok", value: null };
    await vi.advanceTimersByTimeAsync(5_000);
    const [one, two] = desk.store.state.pending.map((item) => item.clientId);
    expect(desk.sent).toEqual([one, one, two]);
    expect(desk.store.state.pending.every((item) => item.status === "accepted")).toBe(true);
  });

  it("a refused message says why, stays over a reload, and is sent again only on demand", async () => {
    const desk = load(storage);
    desk.outcome = { kind: "refused", detail: "Too long." };
    desk.outbox.add("x");
    await settle();
    expect(desk.store.state.pending).toMatchObject([{ status: "refused", detail: "Too long." }]);
    const again = load(storage);
    again.outbox.flush();
    await settle();
    expect(again.sent).toEqual([]);
    again.outbox.retry(desk.sent[0] ?? "");
    await settle();
    expect(again.sent).toEqual(desk.sent);
    again.outbox.discard(desk.sent[0] ?? "");
    expect(storage.unsent()).toEqual([]);
  });

  it("works without storage", async () => {
    vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new Error("blocked");
    });
    const desk = load(new SiteStorage("other"));
    desk.outbox.add("x");
    await settle();
    expect(desk.sent).toHaveLength(1);
  });
});

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoff } from "../chat/backoff";
import { EventStream } from "../chat/stream";
import type { ServerEvent } from "../chat/wire";

const encoder = new TextEncoder();

interface Connection {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly send: (text: string | Uint8Array<ArrayBuffer>) => void;
  readonly end: () => void;
  aborted: boolean;
}

/** A server that the test plays by hand; `answer` decides the status of the next connection. */
class FakeServer {
  readonly connections: Connection[] = [];
  answer: () => Response | null = () => null;

  readonly fetch = (url: string, init: RequestInit): Promise<Response> => {
    let control: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({ start: (c) => void (control = c) });
    const connection: Connection = {
      url,
      headers: init.headers as Record<string, string>,
      send: (text) => control?.enqueue(typeof text === "string" ? encoder.encode(text) : text),
      end: () => control?.close(),
      aborted: false,
    };
    init.signal?.addEventListener("abort", () => {
      if (connection.aborted) return;
      connection.aborted = true;
      try {
        control?.error(new Error("aborted"));
      } catch {
        // it had ended before
      }
    });
    this.connections.push(connection);
    return Promise.resolve(this.answer() ?? new Response(body, { status: 200 }));
  };
}

describe("EventStream", () => {
  let server: FakeServer;
  let events: ServerEvent[];
  let stream: EventStream;
  let since = 0;
  const waits: number[] = [];
  const lost = vi.fn();

  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(1);
    server = new FakeServer();
    vi.stubGlobal("fetch", server.fetch);
    events = [];
    waits.length = 0;
    lost.mockClear();
    since = 0;
    stream = new EventStream({
      request: () => ({ url: `/events?since=${since}`, headers: { Authorization: "Bearer t", "Last-Event-ID": `d:${since}` } }),
      onOpened: () => undefined,
      onEvent: (event) => events.push(event),
      onConnecting: () => undefined,
      onWaiting: (retryAt) => waits.push(retryAt - Date.now()),
      onSessionLost: lost,
    });
    stream.start();
  });

  afterEach(() => {
    stream.stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
  const last = (): Connection => server.connections.at(-1) as Connection;

  it("reads events whatever way the bytes are cut", async () => {
    const wire = 'retry: 1500\n\n: hb\n\nevent: delta\ndata: {"turn_id":"t","offset":0,"text":"Привет 🙂"}\n\nevent: ready\r\ndata: {"last_seq":4}\r\n\r\n';
    const bytes = encoder.encode(wire);
    for (let at = 0; at < bytes.length; at += 1) last().send(bytes.slice(at, at + 1));
    await settle();
    expect(events).toEqual([
      { type: "delta", turnId: "t", offset: 0, text: "Привет 🙂" },
      { type: "ready", lastSeq: 4 },
    ]);
  });

  it("ignores unknown and malformed events", async () => {
    last().send('event: poll\ndata: {}\n\nevent: message\ndata: {"seq":"x"}\n\nevent: mode\ndata: nope\n\nevent: constructor\ndata: {}\n\n');
    last().send('event: reset\ndata: {}\n\n');
    await settle();
    expect(events).toEqual([{ type: "reset" }]);
  });

  it("comes back where it was, after the time the server asked for", async () => {
    last().send("retry: 400\n\nevent: ready\ndata: {\"last_seq\":7}\n\n");
    await settle();
    since = 7;
    last().end();
    await settle();
    expect(waits).toEqual([400]);
    await vi.advanceTimersByTimeAsync(400);
    expect(server.connections).toHaveLength(2);
    expect(last().headers["Last-Event-ID"]).toBe("d:7");
    expect(last().url).toBe("/events?since=7");
  });

  it("waits longer each time it fails and starts over once it was ready", async () => {
    server.answer = () => new Response(null, { status: 502 });
    last().end();
    for (let i = 0; i < 3; i += 1) await vi.advanceTimersByTimeAsync(20_000);
    expect(waits.slice(0, 4)).toEqual([1500, 3000, 6000, 12_000]);
  });

  it("waits as long as Retry-After says", async () => {
    server.answer = () => new Response(null, { status: 503, headers: { "Retry-After": "20" } });
    last().end();
    await vi.advanceTimersByTimeAsync(1500);
    expect(waits).toEqual([1500, 20_000]);
  });

  it("40 s without a byte is a dead connection; a heartbeat is a byte", async () => {
    await vi.advanceTimersByTimeAsync(39_000);
    last().send(": hb\n\n");
    await vi.advanceTimersByTimeAsync(39_000);
    expect(last().aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(server.connections[0]?.aborted).toBe(true);
    expect(waits).toHaveLength(1);
  });

  it("an unknown token ends it and asks for a session", async () => {
    server.answer = () => new Response(null, { status: 401 });
    last().end();
    await vi.advanceTimersByTimeAsync(1500);
    expect(lost).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.connections).toHaveLength(2);
  });

  it("starting again closes the connection before, and what it still says is not heard", async () => {
    const first = last();
    stream.start();
    await settle();
    expect(first.aborted).toBe(true);
    expect(server.connections).toHaveLength(2);
    last().send('event: ready\ndata: {"last_seq":1}\n\n');
    await settle();
    expect(events).toHaveLength(1);
  });
});

describe("backoff", () => {
  it("grows, spreads over half its length, and has a ceiling", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, luck) => {
        const full = Math.min(30_000, 1500 * 2 ** Math.min(attempt - 1, 10));
        const delay = backoff(attempt, 1500, () => luck);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
        expect(delay).toBeLessThanOrEqual(full);
      }),
    );
  });
});

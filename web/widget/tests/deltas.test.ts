import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyDelta, type Delta } from "../chat/deltas";
import type { Turn } from "../chat/state";

const run = (deltas: readonly Delta[]): Turn | null => deltas.reduce<Turn | null>(applyDelta, null);
const codePointText = fc.array(fc.constantFrom("a", "ж", "é", "🙂", "👩‍👩‍👧", " ", "\n", "**"), { maxLength: 60 }).map((parts) => parts.join(""));

/** Cuts text into deltas the way the server numbers them: by code points. */
function cut(text: string, sizes: readonly number[]): Delta[] {
  const points = Array.from(text);
  const deltas: Delta[] = [];
  for (let at = 0, i = 0; at < points.length; i += 1) {
    const size = 1 + ((sizes[i % Math.max(1, sizes.length)] ?? 1) % 7);
    deltas.push({ turnId: "t", offset: at, text: points.slice(at, at + size).join("") });
    at += size;
  }
  return deltas;
}

describe("applyDelta", () => {
  it("puts any text together from any cuts", () => {
    fc.assert(
      fc.property(codePointText, fc.array(fc.nat(), { minLength: 1 }), (text, sizes) => {
        expect(run(cut(text, sizes))?.text ?? "").toBe(text);
      }),
    );
  });

  it("is not moved by late copies of what it has", () => {
    fc.assert(
      fc.property(codePointText, fc.array(fc.nat(), { minLength: 1 }), fc.nat(), (text, sizes, from) => {
        const deltas = cut(text, sizes);
        const copies = deltas.slice(0, from % (deltas.length + 1));
        expect(run([...deltas, ...copies])?.text ?? "").toBe(text);
      }),
    );
  });

  it("joins a snapshot and live deltas that overlap it", () => {
    const deltas = cut("Привет, 🙂 мир и все остальные", [3, 2]);
    const snapshot: Delta = { turnId: "t", offset: 0, text: deltas.slice(0, 6).map((delta) => delta.text).join("") };
    expect(run([snapshot, ...deltas.slice(3)])?.text).toBe("Привет, 🙂 мир и все остальные");
  });

  it("offset 0 with other text replaces everything", () => {
    expect(run([{ turnId: "t", offset: 0, text: "first try" }, { turnId: "t", offset: 0, text: "Second" }])?.text).toBe("Second");
  });

  it("counts code points, not UTF-16 units", () => {
    expect(run([{ turnId: "t", offset: 0, text: "🙂🙂" }, { turnId: "t", offset: 2, text: "!" }])).toMatchObject({ text: "🙂🙂!", length: 3 });
  });

  it("marks a hole, keeps what it has, and is mended by a snapshot", () => {
    const holed = run([{ turnId: "t", offset: 0, text: "ab" }, { turnId: "t", offset: 4, text: "ef" }]);
    expect(holed).toMatchObject({ text: "ab", broken: true });
    expect(applyDelta(holed, { turnId: "t", offset: 0, text: "abcdef" })).toMatchObject({ text: "abcdef", broken: false });
  });

  it("another turn starts from nothing", () => {
    expect(run([{ turnId: "t", offset: 0, text: "ab" }, { turnId: "u", offset: 0, text: "x" }])).toMatchObject({ id: "u", text: "x" });
  });
});

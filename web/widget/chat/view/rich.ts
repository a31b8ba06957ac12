/** Markdown tree to nodes. Model text reaches the page only as text nodes and as hrefs that safeLink() passed. */
import { h } from "../../shared/dom";
import { parseMarkdown, type Block, type Inline } from "../markdown";

/** The node for a citation mark; null where the number has no source: it stays the text it was. */
export type CiteNode = (n: number) => Node | null;

export function renderMarkdown(source: string, cite: CiteNode): DocumentFragment {
  const fragment = document.createDocumentFragment();
  for (const block of parseMarkdown(source)) fragment.append(blockNode(block, cite));
  return fragment;
}

function blockNode(block: Block, cite: CiteNode): Node {
  switch (block.kind) {
    case "paragraph":
      return h("p", {}, ...inlineNodes(block.children, cite));
    case "heading":
      return h("p", { class: "heading" }, ...inlineNodes(block.children, cite));
    case "pre":
      return h("pre", { tabindex: 0 }, h("code", {}, block.text));
    case "list": {
      const items = block.items.map((item) => h("li", {}, ...inlineNodes(item, cite)));
      return block.ordered ? h("ol", { start: block.start }, ...items) : h("ul", {}, ...items);
    }
  }
}

function inlineNodes(inlines: readonly Inline[], cite: CiteNode): Node[] {
  return inlines.flatMap((inline) => (inline.kind === "cite" ? citeNodes(inline.n, cite) : [inlineNode(inline, cite)]));
}

/** A word joiner before the mark keeps it on the line of its word; a mark without a source gets its space back. */
function citeNodes(n: number, cite: CiteNode): Node[] {
  const node = cite(n);
  return node === null ? [document.createTextNode(` [${n}]`)] : [document.createTextNode("\u2060"), node];
}

function inlineNode(inline: Exclude<Inline, { kind: "cite" }>, cite: CiteNode): Node {
  switch (inline.kind) {
    case "text":
      return document.createTextNode(inline.text);
    case "bold":
      return h("strong", {}, ...inlineNodes(inline.children, cite));
    case "italic":
      return h("em", {}, ...inlineNodes(inline.children, cite));
    case "code":
      return h("code", {}, inline.text);
    case "break":
      return h("br");
    case "link":
      return h("a", { href: inline.href, target: "_blank", rel: "noopener noreferrer nofollow" }, inline.shown);
  }
}

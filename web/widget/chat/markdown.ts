/**
 * The Markdown subset of an answer, as a tree. Bold, italic, code, fenced code, lists, headings (as bold lines) and
 * http(s) links. Images are never images: only their description is kept. Anything else stays the text it is.
 */
export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bold" | "italic"; readonly children: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "link"; readonly href: string; readonly shown: string }
  | { readonly kind: "cite"; readonly n: number }
  | { readonly kind: "break" };

export type Block =
  | { readonly kind: "paragraph" | "heading"; readonly children: readonly Inline[] }
  | { readonly kind: "list"; readonly ordered: boolean; readonly start: number; readonly items: readonly (readonly Inline[])[] }
  | { readonly kind: "pre"; readonly text: string };

const FENCE = /^\s*```/;
const HEADING = /^#{1,6}\s+(.*?)\s*#*$/;
const BULLET = /^\s{0,6}[-*+•]\s+(.*)$/;
const NUMBERED = /^\s{0,6}(\d{1,3})[.)]\s+(.*)$/;
const DEPTH = 5;

export function parseMarkdown(source: string): Block[] {
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (line.trim() === "") at += 1;
    else if (FENCE.test(line)) at = readFence(lines, at, blocks);
    else if (HEADING.test(line)) at = readHeading(line, at, blocks);
    else if (isItem(line)) at = readList(lines, at, blocks);
    else at = readParagraph(lines, at, blocks);
  }
  return blocks;
}

function isItem(line: string): boolean {
  return BULLET.test(line) || NUMBERED.test(line);
}

/** An unclosed fence runs to the end: that is what a fence still being streamed looks like. */
function readFence(lines: readonly string[], from: number, blocks: Block[]): number {
  let end = from + 1;
  while (end < lines.length && !FENCE.test(lines[end] ?? "")) end += 1;
  blocks.push({ kind: "pre", text: lines.slice(from + 1, end).join("\n") });
  return end + 1;
}

function readHeading(line: string, at: number, blocks: Block[]): number {
  blocks.push({ kind: "heading", children: parseInline(HEADING.exec(line)?.[1] ?? line) });
  return at + 1;
}

function readList(lines: readonly string[], from: number, blocks: Block[]): number {
  const first = lines[from] ?? "";
  const pattern = BULLET.test(first) ? BULLET : NUMBERED;
  const items: string[] = [];
  let at = from;
  while (at < lines.length && takeLine(lines[at] ?? "", lines[at + 1] ?? "", pattern, items)) at += 1;
  const ordered = pattern === NUMBERED;
  const start = ordered ? Number(NUMBERED.exec(first)?.[1] ?? 1) : 1;
  blocks.push({ kind: "list", ordered, start, items: items.map((item) => parseInline(item)) });
  return at;
}

/** Adds the line to the list: an item, the rest of one, or an empty line between two. False: the list is over. */
function takeLine(line: string, next: string, pattern: RegExp, items: string[]): boolean {
  const found = pattern.exec(line);
  if (found !== null) items.push(found.at(-1) ?? "");
  else if (line.trim() === "") return pattern.test(next);
  else if (/^\s{2,}\S/.test(line) && !isItem(line)) items.push(`${items.pop() ?? ""}\n${line.trim()}`);
  else return false;
  return true;
}

function readParagraph(lines: readonly string[], from: number, blocks: Block[]): number {
  let end = from + 1;
  while (end < lines.length) {
    const line = lines[end] ?? "";
    if (line.trim() === "" || FENCE.test(line) || HEADING.test(line) || isItem(line)) break;
    end += 1;
  }
  blocks.push({ kind: "paragraph", children: parseInline(lines.slice(from, end).join("\n")) });
  return end;
}

interface Rule {
  /** The first characters a match can have: the others are not tried there. */
  readonly first: string;
  readonly pattern: RegExp;
  /** Null: not a match after all, keep the text. */
  readonly make: (match: RegExpExecArray, depth: number) => readonly Inline[] | null;
}

const RULES: readonly Rule[] = [
  { first: "\\", pattern: /\\([\\`*_[\](){}#+\-.!>~|])/y, make: (m) => [{ kind: "text", text: m[1] ?? "" }] },
  { first: "`", pattern: /`([^`\n]{1,2000})`/y, make: (m) => [{ kind: "code", text: m[1] ?? "" }] },
  { first: "!", pattern: /!\[([^\]\n]{0,300})\](?:\([^)\n]{0,2000}\)|\[[^\]\n]{0,300}\])/y, make: (m) => [{ kind: "text", text: m[1] ?? "" }] },
  { first: "[", pattern: /\[(\d{1,2})\](?!\()/y, make: (m) => [{ kind: "cite", n: Number(m[1]) }] },
  { first: "[", pattern: /\[([^\]\n]{1,300})\]\(\s*<?([^\s)>]{1,2000})>?(?:\s+["'][^"'\n]{0,300}["'])?\s*\)/y, make: makeLink },
  { first: "*", pattern: /\*\*(?!\s)((?:(?!\*\*)[^]){1,2000})\*\*/y, make: (m, depth) => styled("bold", m[1], depth) },
  { first: "_", pattern: /__(?!\s)((?:(?!__)[^]){1,2000})__(?!\w)/y, make: (m, depth) => styled("bold", m[1], depth) },
  { first: "*", pattern: /\*(?![\s*])([^*\n]{1,2000})\*(?!\*)/y, make: (m, depth) => styled("italic", m[1], depth) },
  { first: "_", pattern: /(?<![\p{L}\p{N}_])_(?![\s_])([^_\n]{1,2000})_(?![\p{L}\p{N}_])/uy, make: (m, depth) => styled("italic", m[1], depth) },
  { first: "\n", pattern: /\n/y, make: () => [{ kind: "break" }] },
];

export function parseInline(source: string, depth = DEPTH): Inline[] {
  const out: Inline[] = [];
  let plain = "";
  let at = 0;
  const flush = (): void => {
    if (plain !== "") out.push({ kind: "text", text: plain });
    plain = "";
  };
  while (at < source.length) {
    const found = matchAt(source, at, depth);
    if (found === null) {
      plain += source[at] ?? "";
      at += 1;
      continue;
    }
    // a citation mark belongs to the word before it: the space between would let it wrap alone
    if (found.nodes[0]?.kind === "cite") plain = plain.replace(/ +$/, "");
    flush();
    out.push(...found.nodes);
    at += found.length;
  }
  flush();
  return out;
}

interface Match {
  readonly nodes: readonly Inline[];
  readonly length: number;
}

function matchAt(source: string, at: number, depth: number): Match | null {
  const first = source[at] ?? "";
  if (first === "h" || first === "H") return bareLink(source, at);
  for (const rule of RULES) {
    if (!rule.first.includes(first)) continue;
    rule.pattern.lastIndex = at;
    const match = rule.pattern.exec(source);
    if (match === null) continue;
    const nodes = rule.make(match, depth);
    if (nodes !== null) return { nodes, length: match[0].length };
  }
  return null;
}

function styled(kind: "bold" | "italic", inner: string | undefined, depth: number): readonly Inline[] | null {
  if (depth === 0 || inner === undefined) return null;
  return [{ kind, children: parseInline(inner, depth - 1) }];
}

/** The address is always readable beside the words: a link cannot pretend to go elsewhere. */
function makeLink(match: RegExpExecArray): readonly Inline[] | null {
  const [, label = "", address = ""] = match;
  const link = safeLink(address);
  if (link === null) return [{ kind: "text", text: `${label} (${address})` }];
  if (label === address || label === link.shown) return [link];
  return [{ kind: "text", text: `${label} (` }, link, { kind: "text", text: ")" }];
}

const BARE = /https?:\/\/[^\s<>"'`*]{1,2000}/iy;

function bareLink(source: string, at: number): Match | null {
  BARE.lastIndex = at;
  const found = BARE.exec(source);
  if (found === null) return null;
  let address = found[0].replace(/[.,;:!?…»"'\]}]+$/, "");
  if (address.endsWith(")") && !address.includes("(")) address = address.replace(/\)+[.,;:!?]*$/, "");
  const link = safeLink(address);
  return link === null ? null : { nodes: [link], length: address.length };
}

/** Characters that reorder or hide text: in a shown address they could disguise the host. */
const DECEPTIVE = /[\p{C}\p{Z}]/u;

/** http and https only, no credentials. The host is shown as the browser resolves it (punycode). */
export function safeLink(address: string): Extract<Inline, { kind: "link" }> | null {
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return null;
  const url = new URL(address);
  if (url.username !== "" || url.password !== "" || url.hostname === "") return null;
  return { kind: "link", href: url.href, shown: url.origin + readablePath(url.href.slice(url.origin.length)) };
}

function readablePath(path: string): string {
  if (path === "/") return "";
  try {
    const decoded = decodeURI(path);
    return DECEPTIVE.test(decoded) ? path : decoded;
  } catch {
    return path;
  }
}

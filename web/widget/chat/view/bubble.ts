/** One item of the timeline to one node. */
import { h } from "../../shared/dom";
import type { Language } from "../i18n";
import type { Pending } from "../state";
import type { Item } from "../timeline";
import type { Citation, Message } from "../wire";
import { renderMarkdown } from "./rich";

export interface BubbleActions {
  readonly openCitation: (citation: Citation, from: HTMLElement) => void;
  readonly retry: (clientId: string) => void;
  readonly discard: (clientId: string) => void;
}

export function drawItem(item: Item, language: Language, actions: BubbleActions): HTMLElement {
  switch (item.kind) {
    case "greeting":
      return row("theirs opens", bubble("assistant", renderMarkdown(item.text, () => null)));
    case "time":
      return h("div", { class: "moment" }, h("time", { datetime: item.at }, language.moment(new Date(item.at), new Date())));
    case "message":
      return drawMessage(item, language, actions);
    case "pending":
      return drawPending(item, language, actions);
    case "turn":
      return row("theirs opens", h("div", { class: `bubble assistant writing${item.live ? "" : " paused"}`, "aria-live": "off" }, h("div", { class: "rich" }, renderMarkdown(item.text, inertCite))));
    case "typing":
      return drawTyping(item.name, language);
  }
}

function row(className: string, ...children: (Node | null)[]): HTMLElement {
  return h("div", { class: `row ${className}` }, ...children);
}

function bubble(kind: string, content: Node): HTMLElement {
  return h("div", { class: `bubble ${kind}` }, h("div", { class: "rich" }, content));
}

function plain(text: string): HTMLElement {
  return h("span", { class: "plain-text" }, text);
}

function drawMessage(item: Extract<Item, { kind: "message" }>, language: Language, actions: BubbleActions): HTMLElement {
  const { message, opens, named, latestOwn } = item;
  const { words } = language;
  if (message.role === "system") return h("div", { class: "notice" }, message.text);
  const at = new Date(message.createdAt);
  const side = `${message.role === "customer" ? "mine" : "theirs"}${opens ? " opens" : ""}`;
  const name = named ? h("div", { class: "voice" }, message.role === "assistant" ? words.assistant : (message.author ?? words.person(null))) : null;
  const content = message.role === "assistant" ? renderMarkdown(message.text, (n) => citeButton(message, n, language, actions)) : plain(message.text);
  const body = bubble(message.role, content);
  body.title = language.moment(at, new Date());
  const list = citationList(message, language, actions);
  if (list !== null) body.append(list);
  return row(side, hidden(spokenBy(message, language)), name, body, deliveryNote(message, latestOwn, language));
}

/** Screen readers hear who speaks; sighted people see it by the side and the colour. */
function spokenBy(message: Message, { words }: Language): string {
  if (message.role === "customer") return `${words.you}: `;
  return `${message.role === "operator" ? (message.author ?? "") : words.assistant}: `;
}

function hidden(text: string): HTMLElement {
  return h("span", { class: "hidden" }, text);
}

function deliveryNote(message: Message, latestOwn: boolean, { words }: Language): HTMLElement | null {
  if (message.delivery === "failed") return h("div", { class: "fate bad" }, words.deliveryFailed);
  if (message.delivery === "uncertain") return h("div", { class: "fate bad" }, words.deliveryUncertain);
  return latestOwn ? h("div", { class: "fate" }, words.sent) : null;
}

function drawPending(item: Extract<Item, { kind: "pending" }>, language: Language, actions: BubbleActions): HTMLElement {
  const { pending, opens, latestOwn } = item;
  return row(
    `mine ${opens ? "opens " : ""}${pending.status}`,
    hidden(`${language.words.you}: `),
    bubble("customer", plain(pending.text)),
    fate(pending, latestOwn, language, actions),
  );
}

function fate(pending: Pending, latestOwn: boolean, { words }: Language, actions: BubbleActions): HTMLElement | null {
  if (pending.status === "refused") {
    const retry = (): void => actions.retry(pending.clientId);
    const discard = (): void => actions.discard(pending.clientId);
    return h(
      "div",
      { class: "fate bad" },
      `${words.refused} ${pending.detail ?? words.refusedPlain} `,
      h("button", { type: "button", class: "text-button", on: { click: retry } }, words.retry),
      " ",
      h("button", { type: "button", class: "text-button", on: { click: discard } }, words.discard),
    );
  }
  if (!latestOwn) return null;
  const note = { queued: words.queued, sending: words.sending, accepted: words.sent }[pending.status];
  return h("div", { class: "fate" }, note);
}

function drawTyping(name: string | null, { words }: Language): HTMLElement {
  const label = name === null ? words.typing : words.personTyping(name);
  const dots = h("div", { class: "bubble dots", role: "img", "aria-label": label }, h("i"), h("i"), h("i"));
  return row("theirs opens", name === null ? null : h("div", { class: "voice" }, label), dots);
}

/** While the answer streams its sources are not known yet: a mark of the same size, so that nothing moves later. */
function inertCite(n: number): Node {
  return h("span", { class: "cite" }, String(n));
}

/** A span in the button's role: a real button is an inline block, and a line may break before and after one. */
function citeButton(message: Message, n: number, { words }: Language, actions: BubbleActions): Node | null {
  const citation = message.citations.find((candidate) => candidate.n === n);
  if (citation === undefined) return null;
  const button = h("span", { role: "button", tabindex: 0, class: "cite", "aria-label": words.source(n, citation.title) }, String(n));
  button.addEventListener("click", () => actions.openCitation(citation, button));
  button.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    actions.openCitation(citation, button);
  });
  return button;
}

function citationList(message: Message, { words }: Language, actions: BubbleActions): HTMLElement | null {
  if (message.citations.length === 0) return null;
  const chips = message.citations.map((citation) => {
    const chip = h(
      "button",
      { type: "button", class: "chip" },
      h("span", { class: "chip-number" }, String(citation.n)),
      h("span", { class: "chip-title" }, citation.title),
    );
    chip.addEventListener("click", () => actions.openCitation(citation, chip));
    return h("li", {}, chip);
  });
  return h("ul", { class: "chips", "aria-label": words.sources }, ...chips);
}

// Text with Telegram entities to DOM nodes. Offsets are UTF-16 units, which is what JS strings count in.

const WRAP = {
  bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code",
  blockquote: "blockquote", expandable_blockquote: "blockquote",
};

function element(entity, text) {
  if (entity.type === "pre") {
    const pre = document.createElement("pre");
    if (entity.language) pre.dataset.language = entity.language;
    return pre;
  }
  if (entity.type === "spoiler") {
    const spoiler = document.createElement("span");
    spoiler.className = "spoiler";
    spoiler.tabIndex = 0;
    spoiler.setAttribute("role", "button");
    spoiler.setAttribute("aria-label", "Hidden text");
    const open = () => spoiler.classList.add("open");
    spoiler.addEventListener("click", open);
    spoiler.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
    return spoiler;
  }
  const address = entity.type === "text_link" ? entity.url
    : entity.type === "url" ? (/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`)
    : entity.type === "email" ? `mailto:${text}` : "";
  if (/^(https?|tg|mailto):/i.test(address)) {
    const link = document.createElement("a");
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    return link;
  }
  if (entity.type === "bot_command") {
    const link = document.createElement("a");
    link.href = "#";
    link.dataset.command = text;
    return link;
  }
  if (["mention", "hashtag", "cashtag", "text_mention"].includes(entity.type)) {
    const mark = document.createElement("a");
    mark.removeAttribute("href");
    return mark;
  }
  return document.createElement(WRAP[entity.type] ?? "span");
}

const BLOCK = new Set(["pre", "blockquote", "expandable_blockquote"]);

/** A fragment of `text` between `from` and `to`; `entities` must be sorted by offset, longer first. */
function render(text, entities, from, to) {
  const fragment = document.createDocumentFragment();
  let at = from;
  for (let i = 0; i < entities.length; i += 1) {
    const entity = entities[i];
    const end = Math.min(entity.offset + entity.length, to);
    if (entity.offset < at || end <= entity.offset) continue;
    const block = BLOCK.has(entity.type);
    // a block element breaks the line by itself: one line break on either side of it is not shown again
    fragment.append(block ? text.slice(at, entity.offset).replace(/\n$/, "") : text.slice(at, entity.offset));
    const inner = entities.slice(i + 1).filter((other) => other.offset < end);
    const node = element(entity, text.slice(entity.offset, end));
    node.append(render(text, inner, entity.offset, end));
    fragment.append(node);
    at = block && text[end] === "\n" ? end + 1 : end;
  }
  fragment.append(text.slice(at, to));
  return fragment;
}

export function formatted(text, entities = []) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return render(text, sorted, 0, text.length);
}

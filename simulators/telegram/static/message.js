// One message, draft or keyboard as DOM.

import { formatted } from "./entities.js";

export const clock = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export function make(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

export function summary(message) {
  if (!message) return "";
  if (message.text) return message.text;
  for (const kind of ["photo", "voice", "audio", "video", "sticker", "location", "contact"]) {
    if (message[kind]) return message.caption || kind[0].toUpperCase() + kind.slice(1);
  }
  if (message.document) return message.caption || message.document.file_name || "Document";
  return "Message";
}

function size(bytes) {
  return bytes > 1048576 ? `${(bytes / 1048576).toFixed(1)} MB` : bytes > 1024 ? `${Math.round(bytes / 1024)} KB` : `${bytes} B`;
}

function attachment(message) {
  const source = (file) => `/control/files/${encodeURIComponent(file.file_id)}`;
  if (message.photo) {
    const image = make("img");
    image.src = source(message.photo.at(-1));
    image.alt = message.caption || "Photo";
    return image;
  }
  const kind = ["document", "voice", "audio", "video"].find((name) => message[name]);
  if (!kind) return null;
  const file = message[kind];
  const link = make("a", "doc");
  link.href = source(file);
  link.target = "_blank";
  link.rel = "noopener";
  const label = make("span");
  label.append(make("b", "", file.file_name || kind[0].toUpperCase() + kind.slice(1)), make("small", "", size(file.file_size)));
  link.append(make("i", "", kind === "voice" || kind === "audio" ? "♪" : "↓"), label);
  return link;
}

function keyboard(message, press) {
  const keys = make("div", "keys");
  for (const row of message.reply_markup.inline_keyboard) {
    const line = make("div");
    for (const button of row) {
      const key = make(button.url ? "a" : "button", "", button.text);
      if (button.url) {
        key.href = button.url;
        key.target = "_blank";
        key.rel = "noopener noreferrer";
      } else {
        key.type = "button";
        key.addEventListener("click", () => press(button, key));
      }
      line.append(key);
    }
    keys.append(line);
  }
  return keys;
}

export function messageNode(entry, press) {
  const { message, outgoing, deleted } = entry;
  // "outgoing" is the bot's side; on this page the person is "out"
  const group = make("div", `group ${outgoing ? "in" : "out"}`);
  group.dataset.id = message.message_id;
  if (deleted) {
    group.hidden = true;
    return group;
  }
  const bubble = make("div", "bubble");
  if (message.reply_to_message) bubble.append(make("div", "reply", summary(message.reply_to_message)));
  const attached = attachment(message);
  if (attached) bubble.append(attached);
  const text = message.text ?? message.caption;
  const body = make("div", "body");
  const meta = make("span", "meta", `${message.edit_date ? "edited " : ""}${clock(message.date)}`);
  if (text !== undefined) body.append(formatted(text, message.entities ?? message.caption_entities));
  else if (!attached) body.append(make("span", "thinking", summary(message)));
  body.append(meta);
  bubble.append(body);
  group.append(bubble);
  if (message.reply_markup?.inline_keyboard) group.append(keyboard(message, press));
  return group;
}

export function draftNode(draft, stop) {
  const group = make("div", "group in draft");
  const bubble = make("div", "bubble");
  const body = make("div", `body ${draft.text ? "" : "thinking"}`);
  body.append(draft.text ? formatted(draft.text, draft.entities) : "Thinking…");
  bubble.append(body);
  group.append(bubble);
  if (draft.can_stop) {
    const keys = make("div", "keys");
    const button = make("button", "", "Stop");
    button.type = "button";
    button.addEventListener("click", stop);
    keys.append(button);
    group.append(keys);
  }
  return group;
}

// The chat page: a person, a bot, one conversation; live by server-sent events.

import { $, api, attempt, avatar, nearBottom, toBottom, toast } from "./api.js";
import { clock, draftNode, make, messageNode, summary } from "./message.js";

const state = { bots: [], users: [], user: 0, bot: 0, chats: new Map(), entries: [], draft: null, blocked: false, started: false };
let draftTimer = 0;
let actionTimer = 0;

function drawUsers() {
  $("user").replaceChildren(...state.users.map((user) => {
    const label = `${user.first_name}${user.last_name ? ` ${user.last_name}` : ""}`;
    return new Option(label, user.id, false, user.id === state.user);
  }));
  const none = state.users.length === 0;
  if (none) $("user").append(new Option("nobody yet", "0"));
  $("user").disabled = none;
}

function drawChats() {
  const rows = state.bots.map((bot) => {
    const last = state.chats.get(bot.id);
    const row = make("button", "chat");
    row.type = "button";
    row.setAttribute("aria-current", String(bot.id === state.bot));
    const text = make("div");
    const name = make("div", "name");
    name.append(make("span", "", bot.first_name));
    if (last) name.append(make("time", "", clock(last.date)));
    text.append(name, make("span", "preview", last ? summary(last) : `@${bot.username}`));
    row.append(avatar(bot, make("span")), text);
    row.addEventListener("click", () => openBot(bot.id));
    return row;
  });
  if (!rows.length) {
    const empty = make("p", "empty", "No bots yet. Create one with ");
    empty.append(make("code", "", "POST /control/bots"), " or start with ", make("code", "", "--bots FILE.json"), ".");
    rows.push(empty);
  }
  $("chats").replaceChildren(...rows);
}

const currentBot = () => state.bots.find((bot) => bot.id === state.bot);

const day = (seconds) => new Date(seconds * 1000).toDateString();

function drawMessages() {
  const nodes = [];
  let last = "";
  for (const entry of state.entries) {
    if (day(entry.message.date) !== last) {
      last = day(entry.message.date);
      nodes.push(make("div", "day", new Date(entry.message.date * 1000).toLocaleDateString([], { day: "numeric", month: "long" })));
    }
    nodes.push(messageNode(entry, press));
  }
  if (!nodes.length) {
    const hint = !state.bot ? "Pick a bot to talk to." : !state.user ? "Create a person first." : "No messages yet.";
    nodes.push(make("div", "hint", hint));
  }
  $("messages").replaceChildren(...nodes);
  drawDraft();
  toBottom();
}

function drawDraft() {
  const follow = nearBottom();
  $("messages").querySelector(".draft")?.remove();
  if (state.draft) $("messages").append(draftNode(state.draft, stopDraft));
  if (follow) toBottom();
}

const stopDraft = () => attempt(() => api("stop", { bot: state.bot, user: state.user }));

function showDraft(draft) {
  clearTimeout(draftTimer);
  state.draft = draft;
  drawDraft();
  if (draft) draftTimer = setTimeout(() => showDraft(null), 30000);
}

function showAction(action) {
  clearTimeout(actionTimer);
  const words = { typing: "typing…", upload_photo: "sending a photo…", upload_document: "sending a file…", record_voice: "recording…" };
  const bot = currentBot();
  $("status").textContent = action ? words[action] ?? "busy…" : bot ? `@${bot.username}` : "";
  $("status").classList.toggle("busy", Boolean(action));
  if (action) actionTimer = setTimeout(() => showAction(""), 5000);
}

function drawHeader() {
  const bot = currentBot();
  $("title").textContent = bot ? bot.first_name : "Pick a bot";
  if (bot) avatar(bot, $("avatar"));
  showAction("");
  const ready = Boolean(bot && state.user);
  $("block").hidden = !ready || !state.started;
  $("block").textContent = state.blocked ? "Unblock bot" : "Block bot";
  $("composer").hidden = !ready || state.blocked || !state.started;
  $("start").hidden = !ready || state.blocked || state.started;
  $("notice").hidden = !(ready && state.blocked);
  $("notice").textContent = "You blocked this bot. It gets 403 when it writes to you.";
}

async function loadChat() {
  Object.assign(state, { entries: [], draft: null, blocked: false, started: false });
  if (state.bot && state.user) {
    const response = await fetch(`/control/chat?bot=${state.bot}&chat=${state.user}&lenient=1`);
    const chat = response.ok ? await response.json() : null;
    if (chat) {
      Object.assign(state, { entries: chat.messages, blocked: chat.blocked, started: chat.started, draft: chat.draft });
    }
  }
  drawHeader();
  drawMessages();
}

async function openBot(id) {
  state.bot = id;
  $("app").dataset.pane = "chat";
  remember();
  drawChats();
  await loadChat();
  if (!$("composer").hidden && matchMedia("(min-width: 721px)").matches) $("text").focus();
}

async function loadPreviews() {
  state.chats.clear();
  await Promise.all(state.bots.slice(0, 50).map(async (bot) => {
    const response = await fetch(`/control/chats?bot=${bot.id}&user=${state.user}`);
    const chats = response.ok ? await response.json() : [];
    const own = chats.find((found) => found.chat.id === state.user);
    if (own?.last_message) state.chats.set(bot.id, own.last_message);
  }));
  drawChats();
}

function remember() {
  history.replaceState(null, "", `#bot=${state.bot}&user=${state.user}`);
}

async function loadState() {
  const data = await (await fetch("/control/state")).json();
  state.bots = data.bots;
  state.users = data.users;
  if (!state.users.some((user) => user.id === state.user)) state.user = state.users[0]?.id ?? 0;
  if (!state.bots.some((bot) => bot.id === state.bot)) state.bot = 0;
  drawUsers();
  drawChats();
  await Promise.all([loadChat(), loadPreviews()]);
}

async function say(text) {
  await attempt(() => api("say", { bot: state.bot, user: state.user, text }));
}

async function press(button, key) {
  if (!button.callback_data) return toast("This kind of button does nothing here.");
  key.setAttribute("aria-busy", "true");
  const id = Number(key.closest(".group").dataset.id);
  await attempt(() => api("press", { bot: state.bot, user: state.user, message_id: id, data: button.callback_data }));
  return undefined;
}

const handlers = {
  message(event) {
    state.chats.set(event.bot_id, event.message);
    drawChats();
    if (!isOpen(event)) return;
    state.entries.push({ message: event.message, outgoing: event.outgoing });
    if (event.outgoing) {
      state.draft = null;
      showAction("");
    } else if (!state.started) {
      state.started = true;
      drawHeader();
    }
    drawMessages();
  },
  edit(event) {
    if (!isOpen(event)) return;
    const follow = nearBottom();
    const entry = state.entries.find((found) => found.message.message_id === event.message.message_id);
    if (!entry) return;
    entry.message = event.message;
    $("messages").querySelector(`[data-id="${event.message.message_id}"]`)?.replaceWith(messageNode(entry, press));
    if (follow) toBottom();
  },
  delete(event) {
    if (!isOpen(event)) return;
    state.entries = state.entries.filter((found) => found.message.message_id !== event.message_id);
    $("messages").querySelector(`[data-id="${event.message_id}"]`)?.remove();
  },
  draft(event) { if (isOpen(event)) showDraft(event.draft); },
  action(event) { if (isOpen(event)) showAction(event.action === "cancel" ? "" : event.action); },
  blocked(event) {
    if (!isOpen(event)) return;
    state.blocked = event.blocked;
    drawHeader();
  },
  callback_answer(event) {
    if (!isOpen(event)) return;
    document.querySelectorAll('[aria-busy="true"]').forEach((key) => key.removeAttribute("aria-busy"));
    if (event.answer.text) toast(event.answer.text);
  },
  bot() { void loadState(); },
  user(event) {
    state.users = [...state.users.filter((user) => user.id !== event.user.id), event.user];
    if (!state.user) state.user = event.user.id;
    drawUsers();
  },
};

const isOpen = (event) => event.bot_id === state.bot && event.chat_id === state.user;

function listen() {
  const source = new EventSource("/control/stream");
  source.onopen = () => {
    $("live").className = "live on";
    $("live").textContent = "live";
    void loadState();
  };
  source.onerror = () => {
    $("live").className = "live off";
    $("live").textContent = "reconnecting";
  };
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.type === "message" && event.chat_id !== state.user) return;
    handlers[event.type]?.(event);
  };
}

function grow() {
  $("text").style.height = "auto";
  $("text").style.height = `${$("text").scrollHeight}px`;
}

$("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  $("text").value = "";
  grow();
  await say(text);
});
$("text").addEventListener("input", grow);
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("composer").requestSubmit();
  }
});
$("start").addEventListener("click", () => say("/start"));
$("back").addEventListener("click", () => { $("app").dataset.pane = "list"; });
$("attach").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", async () => {
  const [file] = $("file").files;
  if (!file) return;
  const kind = /^image\/(png|jpeg|gif|webp)$/.test(file.type) ? "photo" : "document";
  const form = new FormData();
  for (const [name, value] of Object.entries({ bot: state.bot, user: state.user, kind, caption: $("text").value.trim() })) form.append(name, value);
  form.append("file", file);
  $("text").value = "";
  $("file").value = "";
  await attempt(() => api("file", form));
});
$("block").addEventListener("click", () => attempt(() => api(state.blocked ? "unblock" : "block", { bot: state.bot, user: state.user })));
$("user").addEventListener("change", async () => {
  state.user = Number($("user").value);
  remember();
  await Promise.all([loadChat(), loadPreviews()]);
});
$("new-user").addEventListener("click", () => {
  $("user-form").hidden = false;
  $("user-form").elements.first_name.focus();
});
$("cancel-user").addEventListener("click", () => { $("user-form").hidden = true; });
$("user-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData($("user-form")));
  const user = await attempt(() => api("users", fields));
  if (!user) return;
  state.user = user.id;
  $("user-form").reset();
  $("user-form").hidden = true;
  remember();
  await loadState();
});
$("messages").addEventListener("click", (event) => {
  const command = event.target.closest?.("[data-command]");
  if (!command) return;
  event.preventDefault();
  void say(command.dataset.command);
});

const hash = new URLSearchParams(location.hash.slice(1));
state.bot = Number(hash.get("bot") ?? 0);
state.user = Number(hash.get("user") ?? 0);
if (state.bot) $("app").dataset.pane = "chat";
listen();

// Calls of the control API, and the few things every part of the page shares.

export const $ = (id) => document.getElementById(id);
let toastTimer = 0;

export async function api(path, body) {
  const form = body instanceof FormData;
  const response = await fetch(`/control/${path}`, body === undefined ? {} : {
    method: "POST",
    body: form ? body : JSON.stringify(body),
    headers: form ? {} : { "Content-Type": "application/json" },
  });
  const data = await response.json();
  if (!response.ok) throw new Error(data.error ?? `Error ${response.status}`);
  return data;
}

export function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("show");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("toast").classList.remove("show"), 3500);
}

export const attempt = async (work) => {
  try {
    return await work();
  } catch (error) {
    toast(error.message);
    return undefined;
  }
};

const initials = (name) => [...name.replace(/[^\p{L}\p{N} ]/gu, "")].slice(0, 1).join("").toUpperCase() || "B";
export const avatar = (bot, node) => {
  node.className = `avatar c${bot.id % 7}`;
  node.textContent = initials(bot.first_name);
  return node;
};

export function nearBottom() {
  const box = $("messages");
  return box.scrollHeight - box.scrollTop - box.clientHeight < 120;
}

export function toBottom() {
  $("messages").scrollTop = $("messages").scrollHeight;
}

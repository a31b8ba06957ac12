/**
 * The script a customer's site includes: `<script src=".../widget.js" data-site="KEY" async></script>`.
 * Optional attributes: data-position (left | right), data-accent (#rrggbb), data-locale (ru | en).
 * It draws the launcher in its own shadow root and loads the chat's frame on first need. It sets one global, ReplyX.
 */
import { DEFAULT_ACCENT } from "../shared/color";
import { pickLocale } from "../shared/locale";
import { mount, type Widget } from "./widget";

declare global {
  interface Window {
    ReplyX?: Pick<Widget, "open" | "close" | "toggle">;
  }
}

function findScript(): HTMLScriptElement | null {
  const current = document.currentScript;
  if (current instanceof HTMLScriptElement && current.dataset["site"] !== undefined) return current;
  return document.querySelector<HTMLScriptElement>('script[data-site][src*="widget.js"]');
}

function start(script: HTMLScriptElement, site: string): void {
  const { position, accent, locale } = script.dataset;
  const widget = mount({
    site,
    base: new URL(script.src, location.href).origin,
    position: position === "left" || position === "right" ? position : null,
    accent: accent ?? null,
    fallbackAccent: DEFAULT_ACCENT,
    locale: pickLocale(locale, navigator.language),
  });
  window.ReplyX = { open: () => widget.open(), close: () => widget.close(), toggle: () => widget.toggle() };
}

function main(): void {
  if (window.ReplyX !== undefined) return; // included twice
  const script = findScript();
  const site = script?.dataset["site"];
  if (script === null || site === undefined || site === "") {
    console.error("ReplyX: add data-site=\"YOUR SITE KEY\" to the widget's script tag.");
    return;
  }
  // claimed at once: a second copy must not start while this one waits for the body
  window.ReplyX = { open: () => undefined, close: () => undefined, toggle: () => undefined };
  if (document.body as HTMLElement | null) start(script, site);
  else document.addEventListener("DOMContentLoaded", () => start(script, site), { once: true });
}

main();

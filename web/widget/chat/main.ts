/** The chat application: runs in the page that the gateway renders at /chat/<site key>, alone or in the loader's frame. */
import "./styles/base.css";
import "./styles/conversation.css";
import "./styles/composer.css";
import "./styles/citation.css";
import { applyAccent, DEFAULT_ACCENT } from "../shared/color";
import { pickLocale } from "../shared/locale";
import { Bridge, surroundings } from "./bridge";
import { Controller } from "./controller";
import { Language } from "./i18n";
import { SiteStorage } from "./storage";
import { Store } from "./store";
import { App } from "./view/app";

function main(root: HTMLElement, site: string): void {
  const { host, page, locale: wish } = surroundings(window);
  const storage = new SiteStorage(site);
  const locale = pickLocale(wish, storage.get("locale"), navigator.language);
  document.documentElement.lang = locale;
  applyAccent(document.documentElement, root.dataset["accent"] ?? storage.get("accent") ?? DEFAULT_ACCENT);
  const store = new Store();
  const controller = new Controller({ site, store, storage, locale, page });
  const bridge = new Bridge(host, (message) => app.hear(message));
  const app = new App({ store, storage, controller, bridge, language: new Language(locale) });
  app.mount(root);
  store.listen(({ session, messages }, before) => {
    if (session === null || (session === before.session && messages.length === before.messages.length)) return;
    bridge.post({ type: "theme", accent: session.accent, position: session.position, title: session.assistant, live: messages.length > 0 });
  });
  bridge.post({ type: "hello" });
  controller.start();
}

const root = document.getElementById("replyx");
const site = root?.dataset["site"];
if (root === null || site === undefined || site === "") console.error("ReplyX: the page has no #replyx element with data-site.");
else main(root, site);

/** What the loader says. It is read by screen readers before the chat itself has loaded. */
import type { Locale } from "../shared/locale";

export interface LoaderWords {
  readonly open: string;
  readonly close: string;
  readonly panel: string;
  readonly failed: string;
  readonly retry: string;
  unread(count: number): string;
}

const ru = new Intl.PluralRules("ru");
const RU_FORMS: Partial<Record<Intl.LDMLPluralRule, string>> = { one: "новое сообщение", few: "новых сообщения" };

export const WORDS: Readonly<Record<Locale, LoaderWords>> = {
  en: {
    open: "Open chat",
    close: "Close chat",
    panel: "Chat",
    failed: "The chat did not load. Check your connection and try again.",
    retry: "Load again",
    unread: (count) => (count === 1 ? "1 new message" : `${count} new messages`),
  },
  ru: {
    open: "Открыть чат",
    close: "Закрыть чат",
    panel: "Чат",
    failed: "Чат не загрузился. Проверьте соединение и попробуйте ещё раз.",
    retry: "Загрузить снова",
    unread: (count) => `${count} ${RU_FORMS[ru.select(count)] ?? "новых сообщений"}`,
  },
};

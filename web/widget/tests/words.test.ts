import { describe, expect, it } from "vitest";
import { LOCALES, Language } from "../chat/i18n";
import { WORDS } from "../loader/words";
import { pickLocale } from "../shared/locale";

const say = (value: unknown): string => (typeof value === "function" ? String((value as (...args: unknown[]) => unknown)("4", "5")) : String(value));

describe("words", () => {
  it("every language says everything, and nothing is left in English", () => {
    for (const words of [LOCALES.ru, WORDS.ru]) {
      for (const [key, value] of Object.entries(words)) {
        expect(say(value), key).not.toBe("");
        expect(say(value), key).toMatch(/[а-яё]/i);
      }
    }
    expect(Object.keys(LOCALES.ru).sort()).toEqual(Object.keys(LOCALES.en).sort());
    expect(Object.keys(WORDS.ru).sort()).toEqual(Object.keys(WORDS.en).sort());
  });

  it("no exclamation marks and no Oops", () => {
    for (const words of Object.values(LOCALES)) for (const value of Object.values(words)) expect(say(value)).not.toMatch(/!|oops/i);
  });

  it("Russian counts", () => {
    expect([1, 2, 5, 11, 21].map((count) => WORDS.ru.unread(count))).toEqual(["1 новое сообщение", "2 новых сообщения", "5 новых сообщений", "11 новых сообщений", "21 новое сообщение"]);
  });

  it("picks the first language it speaks", () => {
    expect(pickLocale(null, "ru-RU")).toBe("ru");
    expect(pickLocale("en", "ru")).toBe("en");
    expect(pickLocale("de-AT")).toBe("en");
  });

  it("names the day as people do", () => {
    const now = new Date(2026, 2, 4, 12, 0);
    expect(new Language("en").moment(new Date(2026, 2, 4, 9, 5), now)).toMatch(/^Today, /);
    expect(new Language("ru").moment(new Date(2026, 2, 3, 23, 59), now)).toMatch(/^Вчера, /);
    expect(new Language("ru").moment(new Date(2026, 1, 20, 23, 59), now)).toMatch(/^20 февраля, /);
  });
});

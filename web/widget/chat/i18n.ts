/** Words, numbers and times in the visitor's language. */
import type { Locale } from "../shared/locale";
import { en, type Words } from "./locales/en";
import { ru } from "./locales/ru";

export type { Words };
export const LOCALES: Readonly<Record<Locale, Words>> = { en, ru };

export class Language {
  readonly locale: Locale;
  readonly words: Words;
  readonly #number: Intl.NumberFormat;
  readonly #time: Intl.DateTimeFormat;
  readonly #day: Intl.DateTimeFormat;

  constructor(locale: Locale) {
    this.locale = locale;
    this.words = LOCALES[locale];
    this.#number = new Intl.NumberFormat(locale);
    this.#time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
    this.#day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long" });
  }

  number(value: number): string {
    return this.#number.format(value);
  }

  time(at: Date): string {
    return this.#time.format(at);
  }

  /** "Today, 14:02", "Yesterday, 09:15", "3 March, 18:40". */
  moment(at: Date, now: Date): string {
    const days = Math.round((startOfDay(now) - startOfDay(at)) / 86_400_000);
    const day = days === 0 ? this.words.today : days === 1 ? this.words.yesterday : this.#day.format(at);
    return `${day}, ${this.time(at)}`;
  }
}

function startOfDay(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Which of the written languages to speak. Anything we have no words for gets English. */
export type Locale = "en" | "ru";

export function pickLocale(...wishes: readonly (string | null | undefined)[]): Locale {
  for (const wish of wishes) {
    const language = wish?.toLowerCase().split(/[-_]/)[0];
    if (language === "ru" || language === "en") return language;
    if (language === "be" || language === "kk" || language === "ky") return "ru";
  }
  return "en";
}

/**
 * A tenant picks one accent; these functions make it readable on both themes (WCAG 2.2 AA).
 * Fill: 3:1 against the page. Text: 4.5:1. What is written on the fill: whichever of black and white reads better.
 */
export type Rgb = readonly [number, number, number];

export const DEFAULT_ACCENT = "#4f46e5";
const WHITE: Rgb = [255, 255, 255];
const INK: Rgb = [17, 18, 24];
const LIGHT_PAGE: Rgb = [243, 244, 247];
const DARK_PAGE: Rgb = [35, 37, 46];

export interface AccentTokens {
  readonly fill: string;
  readonly onFill: string;
  readonly text: string;
}

export function parseHex(value: string): Rgb | null {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(value);
  if (match === null) return null;
  return [parseInt(match[1] ?? "0", 16), parseInt(match[2] ?? "0", 16), parseInt(match[3] ?? "0", 16)];
}

function toHex([r, g, b]: Rgb): string {
  return `#${[r, g, b].map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

function luminance(color: Rgb): number {
  const [r, g, b] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: Rgb, b: Rgb): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const part = (index: 0 | 1 | 2): number => from[index] + (to[index] - from[index]) * share;
  return [part(0), part(1), part(2)];
}

/** The nearest colour to `color`, on the way to `towards`, that has `ratio` against `page`. */
function readable(color: Rgb, page: Rgb, towards: Rgb, ratio: number): Rgb {
  for (let share = 0; share < 1; share += 0.04) {
    const candidate = mix(color, towards, share);
    if (contrast(candidate, page) >= ratio) return candidate;
  }
  return towards;
}

function tokens(accent: Rgb, page: Rgb, towards: Rgb): AccentTokens {
  let fill = readable(accent, page, towards, 3);
  const on = contrast(fill, WHITE) >= contrast(fill, INK) || contrast(fill, WHITE) >= 4.5 ? WHITE : INK;
  fill = readable(fill, on, on === WHITE ? INK : WHITE, 4.5);
  return { fill: toHex(fill), onFill: toHex(on), text: toHex(readable(accent, page, towards, 4.6)) };
}

export function accentTokens(accent: string): { light: AccentTokens; dark: AccentTokens } {
  const color = parseHex(accent) ?? parseHex(DEFAULT_ACCENT) ?? INK;
  return { light: tokens(color, LIGHT_PAGE, INK), dark: tokens(color, DARK_PAGE, WHITE) };
}

/** Sets --accent-* for both themes; the style sheet picks one by prefers-color-scheme. */
export function applyAccent(element: HTMLElement, accent: string): void {
  for (const [theme, set] of Object.entries(accentTokens(accent))) {
    element.style.setProperty(`--fill-${theme}`, set.fill);
    element.style.setProperty(`--on-fill-${theme}`, set.onFill);
    element.style.setProperty(`--accent-text-${theme}`, set.text);
  }
}

/** Counting as the server does: Unicode code points, not UTF-16 units. */
export function codePoints(text: string): number {
  return Array.from(text).length;
}

/** UTF-16 index of the code point at `offset`. */
export function indexOf(text: string, offset: number): number {
  let index = 0;
  for (let passed = 0; passed < offset && index < text.length; passed += 1) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return index;
}

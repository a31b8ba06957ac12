/**
 * Reading untrusted JSON (the network, postMessage, localStorage) into typed values.
 * Every reader throws DecodeError on the wrong shape; callers decide whether that is fatal or ignored.
 */
export class DecodeError extends Error {
  override name = "DecodeError";
}

export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new DecodeError("expected an object");
  return value as Fields;
}

export function text(source: Fields, key: string): string {
  const value = source[key];
  if (typeof value !== "string") throw new DecodeError(`${key}: expected text`);
  return value;
}

export function optionalText(source: Fields, key: string): string | null {
  const value = source[key];
  return typeof value === "string" && value !== "" ? value : null;
}

export function number(source: Fields, key: string): number {
  const value = source[key];
  if (typeof value !== "number" || !Number.isFinite(value)) throw new DecodeError(`${key}: expected a number`);
  return value;
}

export function optionalNumber(source: Fields, key: string): number | null {
  const value = source[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function flag(source: Fields, key: string): boolean {
  return source[key] === true;
}

/** The value if it is one of `allowed`, else DecodeError. */
export function oneOf<T extends string>(source: Fields, key: string, allowed: readonly T[]): T {
  const value = source[key];
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new DecodeError(`${key}: expected one of ${allowed.join(", ")}`);
  return found;
}

/** Each element read by `read`; a missing list is an empty one. */
export function list<T>(source: Fields, key: string, read: (value: unknown) => T): T[] {
  const value = source[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new DecodeError(`${key}: expected a list`);
  return value.map(read);
}

export function parseJson(source: string): unknown {
  try {
    return JSON.parse(source) as unknown;
  } catch {
    throw new DecodeError("not JSON");
  }
}

/** `read(value)`, or null when the shape is wrong. */
export function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

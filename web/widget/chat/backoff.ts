/** Exponential backoff with jitter, so that a thousand widgets do not come back in the same second. */
const CEILING = 30_000;

/** ms before attempt number `attempt` (1 = first retry); between half and all of base * 2^(attempt-1). */
export function backoff(attempt: number, base: number, random: () => number = Math.random): number {
  const full = Math.min(CEILING, base * 2 ** Math.min(attempt - 1, 10));
  return Math.round(full * (0.5 + random() / 2));
}

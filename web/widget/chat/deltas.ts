/**
 * Putting an answer together from deltas that may repeat, overlap or go missing.
 * Offsets count Unicode code points, so a JavaScript string index (UTF-16) is never used as one.
 */
import { codePoints, indexOf } from "../shared/codepoints";
import type { Turn } from "./state";

export interface Delta {
  readonly turnId: string;
  readonly offset: number;
  readonly text: string;
}

export function newTurn(id: string): Turn {
  return { id, text: "", length: 0, broken: false, confirmed: true };
}

/** The turn after `delta`. A hole marks it broken; offset 0 (a snapshot) always mends it. */
export function applyDelta(current: Turn | null, delta: Delta): Turn {
  const turn = current?.id === delta.turnId ? { ...current, confirmed: true } : newTurn(delta.turnId);
  const added = codePoints(delta.text);
  if (delta.offset > turn.length) return { ...turn, broken: true };
  const head = delta.offset === turn.length ? turn.text : turn.text.slice(0, indexOf(turn.text, delta.offset));
  // A late copy of what is already there (live deltas overlap the snapshot) must not cut the text short.
  if (turn.text.startsWith(delta.text, head.length) && delta.offset + added <= turn.length) {
    return delta.offset === 0 ? { ...turn, broken: false } : turn;
  }
  return { ...turn, text: head + delta.text, length: delta.offset + added, broken: delta.offset === 0 ? false : turn.broken };
}

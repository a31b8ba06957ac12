/** Holds the state, tells listeners after each change. Changes made while telling are queued, not nested. */
import { reduce } from "./reducer";
import { INITIAL, type Action, type State } from "./state";

export type Listener = (state: State, before: State) => void;

export class Store {
  #state: State = INITIAL;
  readonly #listeners: Listener[] = [];
  readonly #queue: Action[] = [];
  #busy = false;

  get state(): State {
    return this.#state;
  }

  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  dispatch(action: Action): void {
    this.#queue.push(action);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#apply(next);
    } finally {
      this.#busy = false;
    }
  }

  #apply(action: Action): void {
    const before = this.#state;
    this.#state = reduce(before, action);
    if (this.#state !== before) for (const listener of this.#listeners) listener(this.#state, before);
  }
}

/** The two requests the chat makes besides the event stream. Outcomes are values; only a bug throws. */
import { attempt, fields, optionalText } from "../shared/json";
import { readSession, type Session } from "./wire";

export type Outcome<T> =
  | { readonly kind: "ok"; readonly value: T }
  /** Try again; not before `afterMs` if the server said so. */
  | { readonly kind: "later"; readonly afterMs: number | null }
  | { readonly kind: "unauthorized" }
  /** Will never succeed as it is. `detail` is the server's sentence for people, or empty. */
  | { readonly kind: "refused"; readonly detail: string };

const PATIENCE = 20_000;
const TEMPORARY = new Set([408, 425, 429]);

export class Api {
  readonly #root: string;

  constructor(site: string) {
    this.#root = `/api/widget/${encodeURIComponent(site)}`;
  }

  async session(visitorToken: string | null, locale: string, pageUrl: string | null): Promise<Outcome<Session>> {
    const body = { locale, ...(visitorToken === null ? {} : { visitor_token: visitorToken }), ...(pageUrl === null ? {} : { page_url: pageUrl }) };
    const outcome = await post(`${this.#root}/sessions`, body, {});
    if (outcome.kind !== "ok") return outcome;
    const session = attempt(() => readSession(outcome.value));
    return session === null ? { kind: "later", afterMs: null } : { kind: "ok", value: session };
  }

  send(visitorToken: string, clientId: string, text: string): Promise<Outcome<unknown>> {
    return post(`${this.#root}/messages`, { client_id: clientId, text }, { Authorization: `Bearer ${visitorToken}` });
  }
}

async function post(url: string, body: unknown, headers: Record<string, string>): Promise<Outcome<unknown>> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    return { kind: "later", afterMs: null };
  }
  const value: unknown = await response.json().catch(() => null);
  return response.ok ? { kind: "ok", value } : failure(response, value);
}

function failure(response: Response, value: unknown): Outcome<never> {
  if (response.status === 401) return { kind: "unauthorized" };
  if (response.status >= 500 || TEMPORARY.has(response.status)) return { kind: "later", afterMs: retryAfter(response) };
  return { kind: "refused", detail: attempt(() => optionalText(fields(value), "detail")) ?? "" };
}

/** Retry-After in ms (seconds form only), at most a minute. */
export function retryAfter(response: Response): number | null {
  const seconds = Number(response.headers.get("Retry-After") ?? "");
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) * 1000 : null;
}

// Requests to a model's endpoint: `fetch` with the repairs of odd requests and odd answers around it.
import type { Wire } from "./events.ts";
import type { Repair } from "./repairs.ts";
import { saidIn } from "./said.ts";
import { readableAnswer } from "./stream.ts";

/** A 200 with a web page: from a router, from a proxy, or from an address that is not quite right. */
export class WebPageError extends Error {
  override message = "It answered with a web page.";
}

/** A refusal that names a time to wait, which is longer than a request may take. */
export class WaitError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, said: string | undefined, waitMs: number) {
    super(`${said ?? "It is busy"}. It asks to wait ${waitText(waitMs)}`.replace(/\.+(?=\. )/, ""));
    this.statusCode = statusCode;
  }
}

/** A refusal that stands until somebody pays. The AI SDK would ask again, because its status is that of a busy endpoint. */
export class QuotaError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, said: string | undefined) {
    super(said ?? "The quota is used up.");
    this.statusCode = statusCode;
  }
}

/** Codes of such refusals. */
const NO_QUOTA = /"(?:insufficient_quota|billing_(?:hard_limit_reached|not_active))"/;

function waitText(ms: number): string {
  const minutes = Math.ceil(ms / 60_000);
  if (ms < 120_000) return `${Math.ceil(ms / 1_000)} seconds`;
  return minutes < 120 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}

/** The AI SDK waits up to a minute as it is told, and asks too early for more. */
const MAX_WAIT_MS = 60_000;

export interface RequestRules {
  wire: Wire;
  repairs: readonly Repair[];
  /** The longest that an answer may take; a longer wait is told. */
  timeoutMs: number;
}

/** A `fetch` for one endpoint; it remembers what the endpoint refuses. */
export function endpointFetch({ wire, repairs, timeoutMs }: RequestRules): typeof fetch {
  const known = new Set<Repair>();
  const repaired = (init: RequestInit | undefined): RequestInit | undefined => {
    if (known.size === 0 || typeof init?.body !== "string") return init;
    let body = JSON.parse(init.body) as Record<string, unknown>;
    for (const { apply } of known) body = apply(body);
    return { ...init, body: JSON.stringify(body) };
  };
  return async (input, init) => {
    for (;;) {
      const response = await fetch(input, repaired(init));
      if (response.ok) {
        if (!/^text\/html\b/i.test(response.headers.get("content-type") ?? ""))
          return readableAnswer(response, wire);
        await response.body?.cancel();
        throw new WebPageError();
      }
      const text = await response.text();
      const said = saidIn(text);
      if (response.status === 429 && NO_QUOTA.test(text)) throw new QuotaError(429, said);
      const waitMs = waitOf(response.headers);
      if (waitMs !== undefined && waitMs > Math.min(MAX_WAIT_MS, timeoutMs))
        throw new WaitError(response.status, said, waitMs);
      const { status, statusText, headers } = response;
      const isRefused = (status === 400 || status === 422) && typeof init?.body === "string";
      const body = isRefused ? (JSON.parse(init.body as string) as Record<string, unknown>) : {};
      const fresh = repairs.find(
        (repair) => isRefused && !known.has(repair) && repair.isMeant(text, body),
      );
      if (fresh === undefined) return new Response(text, { status, statusText, headers });
      known.add(fresh);
    }
  };
}

/** The wait that a refusal asks for, in milliseconds: `Retry-After` has seconds or a date (RFC 9110, 10.2.3). */
function waitOf(headers: Headers): number | undefined {
  const ms = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (Number.isFinite(ms)) return ms;
  const text = headers.get("retry-after")?.trim();
  if (!text) return undefined;
  const waitMs = /^\d+(?:\.\d+)?$/.test(text)
    ? Number(text) * 1_000
    : Date.parse(text) - Date.now();
  return Number.isFinite(waitMs) ? waitMs : undefined;
}

// Bounds the bytes of bodies and answers in memory. Over the bound, a request waits or is refused with 503. One
// principal gets at most half, so a client that does not read its answers delays only itself.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import type { Context } from "hono";
import { CountByKey } from "../../lib/collections/count-by-key.ts";
import { once } from "../../lib/once.ts";
import { PAGE_BYTES } from "../../lib/page.ts";
import type { HttpAnswer } from "../../mcp/calls/http-answer.ts";
import { RequestError } from "../../protocol/errors.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { type Authenticated, sent } from "../guards/guard.ts";
import { whenWritten } from "../listen.ts";

/** Largest body of a request or an answer that is not counted. */
const COUNTED_BYTES = 64_000;
/** Memory of one page: as rows, as structure, as text for people, as JSON. */
const READ_BYTES = 6 * PAGE_BYTES;
/** Longest wait for room. */
const WAIT_MS = 10_000;
/** Time after which a call gives its room back: it waits for something else, because no page takes this long. */
const READING_MS = 1_000;

type Leave = () => void;

interface Waiting {
  principal: string;
  bytes: number;
  enter: (leave: Leave) => void;
}

export class InFlight {
  readonly #max: number;
  #used = 0;
  readonly #ofPrincipal = new CountByKey();
  readonly #waiting = new Set<Waiting>();

  constructor(maxBytes: number) {
    this.#max = maxBytes;
  }

  get bytes(): number {
    return this.#used;
  }

  /** Count these bytes until the returned function is called, even if there is no room. */
  hold(principal: string, bytes: number): Leave {
    this.#used += bytes;
    const leave = this.#ofPrincipal.add(principal, bytes);
    return once(() => {
      this.#used -= bytes;
      leave();
      this.#admit();
    });
  }

  /** Hold the bytes if there is room; otherwise undefined. */
  take(principal: string, bytes: number): Leave | undefined {
    return this.#fits(principal, bytes) ? this.hold(principal, bytes) : undefined;
  }

  /** Hold the bytes as soon as there is room; undefined after too long a wait. */
  async wait(principal: string, bytes: number): Promise<Leave | undefined> {
    const leave = this.take(principal, bytes);
    if (leave !== undefined) return leave;
    const { promise, resolve } = Promise.withResolvers<Leave | undefined>();
    const waiting = { principal, bytes, enter: resolve };
    this.#waiting.add(waiting);
    const timeout = setTimeout(() => resolve(undefined), WAIT_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(timeout);
      this.#waiting.delete(waiting);
    }
  }

  /** Bytes always fit while nothing else is held. */
  #fits(principal: string, bytes: number): boolean {
    const own = this.#ofPrincipal.of(principal);
    return (
      (this.#used === 0 || this.#used + bytes <= this.#max) &&
      (own === 0 || own + bytes <= this.#max / 2)
    );
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (this.#used >= this.#max) return;
      const leave = this.take(waiting.principal, waiting.bytes);
      if (leave === undefined) continue;
      this.#waiting.delete(waiting);
      waiting.enter(leave);
    }
  }
}

/** Guard of requests with bodies: a body counts until its answer is sent. */
export const limitBodies =
  (inFlight: InFlight, maxBodyBytes: number) => (c: Context<Authenticated>) => {
    const length = sent(c, "content-length");
    const bytes = length === undefined ? maxBodyBytes : Number(length);
    if (bytes <= COUNTED_BYTES || bytes > maxBodyBytes) return undefined;
    const leave = inFlight.take(c.get("principal").id, bytes);
    if (leave === undefined) throw tooMuch();
    whenWritten(c.env.outgoing, leave);
    return undefined;
  };

/** Wait for room for the stored pages that a message reads; it is given back when the answer is there. */
export async function roomFor(
  inFlight: InFlight,
  c: Context<Authenticated>,
  pages: number,
): Promise<Disposable> {
  const leave = await inFlight.wait(c.get("principal").id, pages * READ_BYTES);
  if (leave === undefined) throw tooMuch();
  const reading = setTimeout(leave, READING_MS);
  return {
    [Symbol.dispose]() {
      clearTimeout(reading);
      leave();
    },
  };
}

/** Count a large answer until it is sent. */
export function countAnswer(
  inFlight: InFlight,
  c: Context<Authenticated>,
  answer: HttpAnswer,
): void {
  const bytes = "body" in answer ? (answer.body?.length ?? 0) : 0;
  if (bytes > COUNTED_BYTES)
    whenWritten(c.env.outgoing, inFlight.hold(c.get("principal").id, bytes));
}

const READING = new Set(["resources/read", "prompts/get"]);

/** Number of pages that these messages may read. */
export const pagesOf = (
  messages: readonly JSONRPCMessage[],
  registry: Pick<ToolRegistry, "isReading">,
): number =>
  messages.filter(
    (message) =>
      "method" in message &&
      (READING.has(message.method) ||
        (message.method === "tools/call" && registry.isReading(message.params?.["name"]))),
  ).length;

const tooMuch = (): RequestError =>
  new RequestError(
    "try_again",
    "Too many bytes of requests and answers are in memory (the setting max-in-flight). Try again.",
    { retryAfter: 1 },
  );

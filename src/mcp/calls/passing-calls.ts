// Calls that are answered on their own POST, with nothing stored: the calls of 2026-07-28, and legacy calls without a
// session to come back with.
import type { JSONRPCRequest } from "@modelcontextprotocol/server";
import type { Caller } from "../../sessions/session.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { JsonResponse } from "./pending-response.ts";
import { isQuick } from "./interruption.ts";
import type { PendingResponses } from "./in-flight.ts";
import type { ConcurrencyLimit } from "./concurrency-limit.ts";
import type { SharedServer } from "../modern/shared-server.ts";

/** Time without a message after which a call gets its stream, whose keep-alives hold proxies off. */
const SILENT_MS = 10_000;

export interface PassingCallsOptions {
  server: SharedServer;
  registry: ToolRegistry;
  exchanges: PendingResponses;
  calls: ConcurrencyLimit;
}

export interface PassingOptions {
  /** True if the requests came as an array. */
  batch?: boolean;
  /** Aborted when the connection ends, which cancels the calls; without a signal they go on. */
  signal?: AbortSignal;
}

export class PassingCalls {
  readonly #parts: PassingCallsOptions;

  constructor(parts: PassingCallsOptions) {
    this.#parts = parts;
  }

  async answer(
    requests: readonly JSONRPCRequest[],
    caller: Caller,
    { batch = false, signal }: PassingOptions = {},
  ): Promise<Response> {
    const { server, registry, exchanges, calls } = this.#parts;
    const leave = calls.acquire(caller.principal.id, Math.max(1, requests.length));
    let cancel = (): void => undefined;
    const ids = requests.map(({ id }) => id);
    const exchange = new JsonResponse(ids, batch, () => cancel());
    if (requests.every((request) => isQuick(request, registry))) exchanges.track(exchange, leave);
    else {
      if (signal?.aborted) {
        leave();
        return new Response(null, { status: 499 });
      }
      const gone = (): void => exchange.leave();
      signal?.addEventListener("abort", gone);
      const silent = setTimeout(() => exchange.openStream(), SILENT_MS).unref();
      exchanges.track(exchange, () => {
        leave();
        clearTimeout(silent);
        signal?.removeEventListener("abort", gone);
      });
    }
    const cancels = await server.run(requests, caller, exchange);
    if (signal !== undefined) cancel = () => cancels.forEach((one) => one());
    return exchange.response;
  }
}

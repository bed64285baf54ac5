// Calls that are answered on their own POST, with nothing stored: the calls of 2026-07-28, and legacy calls without a
// session to come back with.
import type { JSONRPCRequest } from "@modelcontextprotocol/server";
import type { Caller } from "../../sessions/session.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import type { ConcurrencyLimit } from "./concurrency-limit.ts";
import type { HttpAnswer } from "./http-answer.ts";
import type { PendingResponses } from "./in-flight.ts";
import { answersInJson } from "./interruption.ts";
import { JsonResponse } from "./pending-response.ts";
import type { SharedServer } from "./shared-server.ts";

/** Time without a message after which a call gets its stream, whose keep-alives hold proxies off. */
const SILENT_MS = 10_000;

/** The answer to a caller that has gone, which is not sent. */
const GONE: HttpAnswer = { status: 499, body: null };

export interface PassingCallsOptions {
  server: SharedServer;
  registry: ToolRegistry;
  pending: PendingResponses;
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
  ): Promise<HttpAnswer> {
    const { server, registry, pending, calls } = this.#parts;
    using held = new DisposableStack();
    held.defer(calls.acquire(caller.principal.id, Math.max(1, requests.length)));
    let cancel = (): void => undefined;
    const ids = requests.map(({ id }) => id);
    const response = new JsonResponse(ids, batch, () => cancel());
    if (!requests.every((request) => answersInJson(request, registry))) {
      if (signal?.aborted) return GONE;
      const gone = (): void => response.leave();
      signal?.addEventListener("abort", gone);
      held.defer(() => signal?.removeEventListener("abort", gone));
      const silent = setTimeout(() => response.openStream(), SILENT_MS).unref();
      held.defer(() => clearTimeout(silent));
    }
    pending.track(response, held.move());
    const cancels = await server.run(requests, caller, response);
    if (signal !== undefined) cancel = () => cancels.forEach((one) => one());
    return await response.answer;
  }
}

// Single use of a `requestState`. The first request with it runs; the same request, sent again, gets the same outcome;
// any other is refused. A use is an idempotent call, so it outlives the process and is cleaned up like one.
import {
  type IdempotentCall,
  type IdempotentCalls,
  type KeyedOptions,
  KeyTaken,
} from "../idempotency/idempotent-calls.ts";
import { fingerprint, newId } from "../lib/ids.ts";
import { usedState } from "./request-state.ts";

export interface StateUse {
  /** The state's id. */
  id: string;
  /** A hash that identifies the request when it is sent again. */
  request: string;
}

/** `key` is the request's key. Without a key, the JSON-RPC id and the responses identify the request. */
export const requestOf = (
  key: string | undefined,
  { rpcId = newId(), responses }: { rpcId?: string | number | undefined; responses: unknown },
): string => fingerprint(key === undefined ? [rpcId, responses ?? null] : [key]);

/** @throws RequestError for a request other than the first; the errors of `IdempotentCalls.once` */
export async function useState(
  calls: IdempotentCalls,
  { id, request }: StateUse,
  place: Pick<IdempotentCall, "owner" | "scope">,
  options: KeyedOptions,
): Promise<unknown> {
  try {
    return await calls.once({ ...place, key: `requestState:${id}`, request }, options);
  } catch (error) {
    throw error instanceof KeyTaken ? usedState() : error;
  }
}

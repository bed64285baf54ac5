// A `requestState` is used once. The first request that brings it runs; the same request, sent again, gets what came of
// that; any other is refused. A use is a keyed call, so that it outlives the process, and is cleaned up like one.
import { usedState } from "./request-state.ts";
import { fingerprint, newId } from "../lib/ids.ts";
import {
  KeyTaken,
  type IdempotentCall,
  type IdempotentCalls,
  type KeyedOptions,
} from "../idempotency/idempotent-calls.ts";

export interface StateUse {
  /** Of the state. */
  id: string;
  /** A hash of what the request is known by when it is sent again. */
  request: string;
}

/** `key`: the request's key. Without one it is known by its JSON-RPC id and what it answers. */
export const requestOf = (
  key: string | undefined,
  { rpcId = newId(), responses }: { rpcId?: string | number | undefined; responses: unknown },
): string => fingerprint(key === undefined ? [rpcId, responses ?? null] : [key]);

/** @throws ProtocolError for another request than the first; what `IdempotentCalls.once` throws */
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

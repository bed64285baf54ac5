// The `requestState` that a client carries between the rounds of one request. It is signed, so that only we can have
// written it; bound to the principal, the request and its address; and short-lived. A client can read it, but not
// change it. Not here: its single use (request-state-use.ts).
import { createRequestStateCodec } from "@modelcontextprotocol/server";
import type { Principal } from "../auth/principal.ts";
import { fingerprint, newId } from "../lib/ids.ts";
import { RequestError } from "./errors.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** Lifetime of a state: a person may have to answer in between. */
const TTL_SECONDS = 3_600;

/** The request that all rounds repeat. */
export interface Asked {
  principal: Principal;
  method: string;
  name: string;
  args: unknown;
  /** The session that the address names, and the session that the client has to itself. */
  place: { target?: unknown; own?: unknown };
}

interface Sealed {
  id: string;
  request: string;
  state: unknown;
}

export type OpenedState = Pick<Sealed, "id" | "state">;

export class RequestStates {
  readonly #keys: SigningKeys;

  constructor(keys: SigningKeys) {
    this.#keys = keys;
  }

  /** `state` is JSON. `after` is the state of the earlier round; each state has one successor. */
  async seal(asked: Asked, state: unknown, after?: OpenedState): Promise<string> {
    const [key] = await this.#keys.all();
    const id = after === undefined ? newId() : fingerprint([after.id]);
    return codec(key!).mint({ id, request: requestOf(asked), state });
  }

  /** @throws RequestError for a state of another request, or an expired one */
  async open(asked: Asked, sealed: string): Promise<OpenedState> {
    const request = requestOf(asked);
    for (const key of await this.#keys.all()) {
      const opened = await codec(key)
        .verify(sealed, NO_CONTEXT)
        .catch(() => undefined);
      if (opened?.request === request) return opened;
    }
    throw invalidState();
  }
}

export const invalidState = (): RequestError =>
  refused(
    "Invalid or expired requestState: start the request anew, without it.",
    "invalid_request_state",
  );

export const usedState = (): RequestError =>
  refused(
    "This requestState was used already: start the request anew, without it.",
    "used_request_state",
  );

const refused = (message: string, reason: string): RequestError =>
  new RequestError("invalid_params", message, { data: { reason } });

const codec = (key: Uint8Array) =>
  createRequestStateCodec<Sealed>({ key, ttlSeconds: TTL_SECONDS });

/** The codec binds states to the SDK's context, which lacks the arguments; our own binding is inside the state. */
const NO_CONTEXT = undefined as never;

const requestOf = ({ principal, method, name, args, place: { target, own } }: Asked): string =>
  fingerprint([principal.id, method, name, args ?? {}, target ?? null, own ?? null]);

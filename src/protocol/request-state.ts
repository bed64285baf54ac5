// What a caller carries between the rounds of one request (`requestState`): signed, so that only we can have written it,
// bound to who asks what, and short-lived. A caller can read it; it cannot change it.
import {
  createRequestStateCodec,
  ProtocolError,
  ProtocolErrorCode,
} from "@modelcontextprotocol/server";
import { fingerprint } from "../lib/fingerprint.ts";
import type { Principal } from "../auth/principal.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** A person may have to be asked in between. */
const TTL_SECONDS = 3_600;

/** The request that all rounds repeat. */
export interface Asked {
  principal: Principal;
  method: string;
  name: string;
  args: unknown;
}

interface Sealed {
  request: string;
  state: unknown;
}

export class RequestStates {
  readonly #keys: SigningKeys;

  constructor(keys: SigningKeys) {
    this.#keys = keys;
  }

  /** `state` is JSON. */
  async seal(asked: Asked, state: unknown): Promise<string> {
    const [key] = await this.#keys.all();
    return codec(key!).mint({ request: requestOf(asked), state });
  }

  /** @throws ProtocolError for a state that was not sealed for this very request, or too long ago */
  async open(asked: Asked, sealed: string): Promise<unknown> {
    const request = requestOf(asked);
    for (const key of await this.#keys.all()) {
      const opened = await codec(key)
        .verify(sealed, NO_CONTEXT)
        .catch(() => undefined);
      if (opened?.request === request) return opened.state;
    }
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      "Invalid or expired requestState: start the request anew, without it.",
      { reason: "invalid_request_state" },
    );
  }
}

const codec = (key: Uint8Array) =>
  createRequestStateCodec<Sealed>({ key, ttlSeconds: TTL_SECONDS });

/** The codec's own binding looks at the SDK's context, which has no arguments: ours is inside. */
const NO_CONTEXT = undefined as never;

const requestOf = ({ principal, method, name, args }: Asked): string =>
  fingerprint([principal.id, method, name, args ?? {}]);

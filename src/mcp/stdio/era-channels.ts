// One pipe as two: requests that claim 2026-07-28 go to one server, all others to another, as over HTTP. The SDK settles a
// pipe for one era at its first message; programs ask `server/discover` before their `initialize`, or after it.
import {
  PROTOCOL_VERSION_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
  type JSONRPCMessage,
  type RequestId,
  type Transport,
} from "@modelcontextprotocol/server";
import { isAnswer, isNotification, isRequest } from "../../protocol/json-rpc.ts";

/** Neither is to be started: `start` starts the pipe, when there is somebody at both. */
export class EraChannels {
  readonly legacy: Transport;
  readonly modern: Transport;
  readonly #wire: Transport;
  /** Requests of the modern era that are not answered: what cancels them need not claim anything. */
  readonly #open = new Set<RequestId>();

  constructor(wire: Transport) {
    this.#wire = wire;
    this.legacy = this.#channel();
    this.modern = this.#channel();
    wire.onmessage = (message: JSONRPCMessage) => this.#channelOf(message).onmessage?.(message);
    wire.onerror = (error) => this.legacy.onerror?.(error);
    wire.onclose = () => {
      this.legacy.onclose?.();
      this.modern.onclose?.();
    };
  }

  start(): Promise<void> {
    return this.#wire.start();
  }

  #channel(): Transport {
    return {
      start: async () => undefined,
      send: (message) => {
        if (isAnswer(message) && message.id !== undefined) this.#open.delete(message.id);
        return this.#wire.send(message);
      },
      close: () => this.#wire.close(),
    };
  }

  #channelOf(message: JSONRPCMessage): Transport {
    if (isAnswer(message)) return this.legacy; // only that era asks
    const params: Readonly<Record<string, unknown>> = message.params ?? {};
    const isModern =
      claimsModern(params["_meta"]) ||
      (isNotification(message) && this.#open.has(params["requestId"] as RequestId));
    if (isModern && isRequest(message)) this.#open.add(message.id);
    return isModern ? this.modern : this.legacy;
  }
}

/** An unknown revision too: that server tells which there are. */
function claimsModern(meta: unknown): boolean {
  if (typeof meta !== "object" || meta === null || !(PROTOCOL_VERSION_META_KEY in meta))
    return false;
  const claimed: unknown = meta[PROTOCOL_VERSION_META_KEY];
  return typeof claimed !== "string" || !SUPPORTED_PROTOCOL_VERSIONS.includes(claimed);
}

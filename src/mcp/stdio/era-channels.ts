// One pipe as two channels: requests that claim 2026-07-28 go to one server, all others to another, as over HTTP. The
// SDK fixes a pipe's era at its first message, but clients send `server/discover` before or after their `initialize`.
import {
  type JSONRPCMessage,
  PROTOCOL_VERSION_META_KEY,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS,
  type Transport,
} from "@modelcontextprotocol/server";
import { isAnswer, isNotification, isRequest } from "../../protocol/json-rpc.ts";

/** Two transports over one pipe. Call `start` here, not on the channels, once both have a server. */
export class EraChannels {
  readonly legacy: Transport;
  readonly modern: Transport;
  readonly #wire: Transport;
  /** Unanswered requests of the modern era; their cancellation need not claim an era. */
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
    if (isAnswer(message)) return this.legacy; // only legacy servers send requests
    const params: Readonly<Record<string, unknown>> = message.params ?? {};
    const isModern =
      claimsModern(params["_meta"]) ||
      (isNotification(message) && this.#open.has(params["requestId"] as RequestId));
    if (isModern && isRequest(message)) this.#open.add(message.id);
    return isModern ? this.modern : this.legacy;
  }
}

/** True for any claimed revision, even an unknown one: the modern server answers with the supported ones. */
function claimsModern(meta: unknown): boolean {
  if (typeof meta !== "object" || meta === null || !(PROTOCOL_VERSION_META_KEY in meta))
    return false;
  const claimed: unknown = meta[PROTOCOL_VERSION_META_KEY];
  return typeof claimed !== "string" || !SUPPORTED_PROTOCOL_VERSIONS.includes(claimed);
}

// Ids of the server's requests to a client, with the epoch in them. The SDK counts from 0 in every new `Server`; the
// epoch keeps an answer from before a restart off a newer request with the same number.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { isAnswer, isNotification, isRequest } from "../../protocol/json-rpc.ts";

export class ServerRequestIds {
  readonly #prefix: string;

  constructor(epoch: number) {
    this.#prefix = `e${epoch}.`;
  }

  /** A message with the id that the client sees. */
  outbound(message: JSONRPCMessage): JSONRPCMessage {
    if (isRequest(message)) {
      return {
        ...message,
        id: this.#mark(message.id),
        ...(message.params && { params: this.#markToken(message.params) }),
      };
    }
    if (isNotification(message) && message.method === "notifications/cancelled") {
      const { requestId, ...rest } = message.params as { requestId: string | number };
      return { ...message, params: { ...rest, requestId: this.#mark(requestId) } };
    }
    return message;
  }

  /** A message with the id that the SDK knows; undefined for an answer to an earlier epoch. */
  inbound(message: JSONRPCMessage): JSONRPCMessage | undefined {
    if (isAnswer(message)) {
      const id = this.#unmark(message.id);
      return id === undefined ? undefined : { ...message, id };
    }
    if (isNotification(message) && message.method === "notifications/progress") {
      const progressToken = this.#unmark(message.params?.["progressToken"]);
      return progressToken === undefined
        ? undefined
        : { ...message, params: { ...message.params, progressToken } };
    }
    return message;
  }

  #mark(id: string | number): string {
    return `${this.#prefix}${id}`;
  }

  #unmark(id: unknown): number | undefined {
    return typeof id === "string" && id.startsWith(this.#prefix)
      ? Number(id.slice(this.#prefix.length))
      : undefined;
  }

  #markToken(params: Record<string, unknown>): Record<string, unknown> {
    const meta = params["_meta"] as { progressToken?: string | number } | undefined;
    if (meta?.progressToken === undefined) return params;
    return { ...params, _meta: { ...meta, progressToken: this.#mark(meta.progressToken) } };
  }
}

// Standard input and output as a transport: one message or one batch per line. Invalid messages are answered as over
// HTTP. Spec: modelcontextprotocol.io, "Transports", stdio.
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  classifyInboundRequest,
  isSpecType,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type RequestId,
  type Transport,
} from "@modelcontextprotocol/server";
import { toJson } from "../../lib/json/json.ts";
import { RequestError, rpcErrorOf } from "../../protocol/errors.ts";
import { isAnswer, isNotification, isRequest, requestIdOf } from "../../protocol/json-rpc.ts";
import { dropNulls } from "../messages/absent.ts";
import { type BatchParts, checkBatch, checkRevision, splitBatch } from "../messages/batch.ts";
import { messageFault } from "../messages/faults.ts";
import { checkContent, contentFault, readMessages } from "../messages/inbound.ts";
import { idAtEnds, type Line, Lines } from "./lines.ts";

export interface PipeOptions {
  input: Readable;
  output: Writable;
  /** Maximum length of a line. */
  maxBytes: number;
  /** Maximum nesting of JSON. */
  maxDepth: number;
  /** Called when the whole input was delivered; the pipe closes when the promise resolves. */
  beforeEnd(): Promise<void>;
}

/** A batch, whose answers go out as one line when they are complete. */
interface Batch {
  awaited: Set<RequestId>;
  answers: object[];
}

export class PipeTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #options: PipeOptions;
  readonly #lines: Lines;
  readonly #batches = new Map<RequestId, Batch>();
  /** The negotiated revision (2025). */
  #version: string | undefined;
  /**
   * The id of an unanswered `initialize`, and the messages behind it: its answer decides whether batches are allowed.
   */
  #introduction: RequestId | undefined;
  #held: unknown[] = [];
  #closed = false;

  constructor(options: PipeOptions) {
    this.#options = options;
    this.#lines = new Lines(options.maxBytes);
  }

  async start(): Promise<void> {
    const { input, output } = this.#options;
    input.on("data", this.#onData);
    input.on("error", this.#onError);
    input.on("end", this.#onEnd);
    output.on("error", this.#onError);
    if (input.readableEnded || input.destroyed) setImmediate(this.#onEnd);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const batch = isAnswer(message) && message.id !== undefined && this.#batches.get(message.id);
    if (batch) {
      batch.answers.push(message);
      await this.#endOf(message.id!, batch);
    } else await this.#write(message);
    if (this.#introduction !== undefined && isAnswer(message) && message.id === this.#introduction)
      this.#introduced(message);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { input } = this.#options;
    input.off("data", this.#onData);
    input.off("end", this.#onEnd);
    input.pause();
    this.onclose?.();
  }

  readonly #onData = (chunk: Buffer): void => {
    for (const line of this.#lines.add(chunk)) this.#line(line);
  };

  readonly #onEnd = (): void => {
    for (const line of this.#lines.end()) this.#line(line);
    nextTurn() // the last message has been delivered by then
      .then(() => this.#options.beforeEnd())
      .catch(this.#onError)
      .finally(() => void this.close());
  };

  /** Closes on an error of input or output. The listener stays on the output, so that a late write does not throw. */
  readonly #onError = (error: Error): void => {
    if (this.#closed) return;
    this.onerror?.(error);
    void this.close();
  };

  #line({ bytes, isWhole }: Line): void {
    const { maxBytes, maxDepth } = this.#options;
    this.#orRefuse(() => {
      if (!isWhole) {
        const fault = `The message is larger than ${maxBytes} bytes (the setting max-body).`;
        throw new RequestError("too_large", fault, { request: { id: idAtEnds(bytes) } });
      }
      const body = readMessages(bytes, maxDepth);
      dropNulls(body);
      this.#receive(body);
    });
  }

  #receive(body: unknown): void {
    if (this.#introduction !== undefined) this.#held.push(body);
    else if (Array.isArray(body)) this.#receiveBatch(splitBatch(body));
    else {
      const message = messageOf(body);
      checkContent([message], { batch: false });
      if (isRequest(message) && message.method === "initialize") this.#introduction = message.id;
      this.#deliver(message);
    }
  }

  #deliver(message: JSONRPCMessage): void {
    this.onmessage?.(message);
    if (!isNotification(message) || message.method !== "notifications/cancelled") return;
    const id = message.params?.["requestId"] as RequestId;
    const batch = this.#batches.get(id);
    if (batch) void this.#endOf(id, batch).catch(this.#onError);
  }

  #receiveBatch({ messages: valid, refused }: BatchParts): void {
    const messages = valid as JSONRPCMessage[];
    this.#checkBatch(messages);
    const ids = messages.filter(isRequest).map(({ id }) => id);
    const batch: Batch = { awaited: new Set(ids), answers: refused };
    for (const id of ids) this.#batches.set(id, batch);
    if (ids.length === 0 && refused.length > 0) this.#write(refused).catch(this.#onError);
    for (const message of messages) this.#deliver(message);
  }

  #checkBatch(messages: JSONRPCMessage[]): void {
    const route = classifyInboundRequest({ httpMethod: "POST", body: messages });
    if (route.kind === "reject") throw new RequestError("invalid_request", route.message);
    checkBatch(messages);
    const fault = messages.map(contentFault).find(Boolean);
    if (fault !== undefined) throw new RequestError("invalid_request", fault);
    if (this.#version === undefined)
      throw new RequestError(
        "invalid_request",
        "The client has not sent initialize: send it first.",
      );
    checkRevision(this.#version);
  }

  async #endOf(id: RequestId, { awaited, answers }: Batch): Promise<void> {
    this.#batches.delete(id);
    awaited.delete(id);
    if (awaited.size === 0 && answers.length > 0) await this.#write(answers);
  }

  /** Delivers the messages that waited behind `initialize`. */
  #introduced(answer: JSONRPCMessage): void {
    if ("result" in answer) this.#version = answer.result["protocolVersion"] as string;
    this.#introduction = undefined;
    for (const body of this.#held.splice(0)) this.#orRefuse(() => this.#receive(body));
  }

  /** Answers what cannot be delivered; a notification gets no answer. */
  #orRefuse(deliver: () => void): void {
    try {
      deliver();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { request } = error;
      const id = requestIdOf(request);
      if (id === null && isSpecType.JSONRPCNotification(request)) return;
      this.#write({ jsonrpc: "2.0", id, error: rpcErrorOf(error) }).catch(this.#onError);
    }
  }

  async #write(value: unknown): Promise<void> {
    if (this.#closed) throw new Error("The pipe is closed.");
    const { output } = this.#options;
    if (!output.write(`${toJson(value)}\n`)) await once(output, "drain");
  }
}

/** @throws RequestError `invalid_request` for a body that is not JSON-RPC */
function messageOf(body: unknown): JSONRPCMessage {
  try {
    return parseJSONRPCMessage(body);
  } catch {
    throw new RequestError("invalid_request", messageFault(body), { request: body });
  }
}

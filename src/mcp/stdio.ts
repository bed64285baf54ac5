// Sessions over stdio: the same tools on the same data folder, for the one program at the other end of the pipe.
import {
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type InitializeResult,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type Transport,
} from "@modelcontextprotocol/server";
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { LOCAL } from "../auth/principal.ts";
import type { Clock } from "../kernel/clock.ts";
import { toAppError } from "../kernel/errors.ts";
import { newId } from "../kernel/ids.ts";
import type { Presence } from "../sessions/presence.ts";
import type { Client, SessionTarget } from "../sessions/session.ts";
import type { Connections } from "../streams/delivery.ts";
import type { ClientStore } from "../sessions/store.ts";
import type { Logger } from "../telemetry.ts";
import { introducedClient } from "./introduction.ts";
import { RPC } from "./rpc.ts";
import { createServer, type ServerParts } from "./server.ts";

export interface StdioParts extends ServerParts {
  clients: ClientStore;
  presence: Presence;
  clock: Clock;
  log: Logger;
}

export interface StdioConnection extends Connections {
  /** Resolves when the pipe has closed. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** Serves standard input and output until the other side closes them. */
export function serveOverStdio(
  parts: StdioParts,
  target: SessionTarget | undefined,
): StdioConnection {
  const wire = new IntroducingTransport(new StdioServerTransport(), parts);
  const handle = serveStdio(
    () => createServer(parts, () => ({ principal: LOCAL, client: wire.client, target })),
    {
      transport: wire,
      onerror: (error) => parts.log.warn({ err: error }, "stdio"),
    },
  );
  return {
    closed: wire.closed,
    close: () => handle.close(),
    get connectedIds() {
      return wire.client ? [wire.client.id] : [];
    },
    refresh: async () => undefined, // a pipe has no streams
    async deliverWaiting(clientId) {
      if (clientId !== wire.client?.id) return;
      for (const data of await parts.subscriptions.take(clientId))
        await wire.send(JSON.parse(data) as JSONRPCMessage);
    },
  };
}

/** Stores the client before its `initialize` is answered, and ends it with the pipe: its id cannot come back. */
class IntroducingTransport implements Transport {
  client: Client | undefined;
  readonly closed: Promise<void>;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #wire: Transport;
  readonly #parts: StdioParts;
  #introduction: JSONRPCRequest | undefined;
  /** What came while the introduction was being stored. */
  readonly #held: JSONRPCMessage[] = [];

  constructor(wire: Transport, parts: StdioParts) {
    this.#wire = wire;
    this.#parts = parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise.then(() => this.#leave());
    wire.onmessage = (message: JSONRPCMessage) => {
      if (this.#introduction) return void this.#held.push(message);
      if (isJSONRPCRequest(message) && message.method === "initialize")
        this.#introduction = message;
      this.onmessage?.(message);
    };
    wire.onerror = (error) => this.onerror?.(error);
    wire.onclose = () => {
      this.onclose?.();
      resolve();
    };
  }

  start(): Promise<void> {
    return this.#wire.start();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const introduction = this.#introduction;
    const answers = isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message);
    if (introduction === undefined || !answers || message.id !== introduction.id)
      return this.#wire.send(message);
    const failure = isJSONRPCResultResponse(message)
      ? await this.#store(introduction, message.result as InitializeResult)
      : undefined;
    await this.#wire.send(failure ?? message);
    this.#introduction = undefined;
    for (const held of this.#held.splice(0)) this.onmessage?.(held);
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  #leave: () => Promise<void> = async () => undefined;

  /** Resolves to the error to send instead when the client could not be stored. */
  async #store(
    request: JSONRPCRequest,
    { protocolVersion }: InitializeResult,
  ): Promise<JSONRPCMessage | undefined> {
    const { clients, presence, clock, log } = this.#parts;
    const client = introducedClient(request, {
      id: newId(),
      owner: LOCAL.id,
      protocolVersion,
      now: clock.now(),
    });
    try {
      await clients.create(client);
    } catch (error) {
      const { advice } = toAppError(error);
      return { jsonrpc: "2.0", id: request.id, error: { code: RPC.internal, message: advice } };
    }
    this.client = client;
    const leave = presence.enter(client.id);
    this.#leave = async () => {
      leave();
      await clients.end(client.id).catch((error: unknown) => log.warn({ err: error }, "stdio"));
    };
    return undefined;
  }
}

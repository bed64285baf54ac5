// Sessions over stdio: the same tools on the same data folder, for the one program at the other end of the pipe.
import {
  isSpecType,
  type InitializeResult,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type Notification,
  type Server,
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
import { introducedClient, listeningClient } from "./introduction.ts";
import { isAnswer, isRequest, RPC } from "./rpc.ts";
import { createServer, MAX_SUBSCRIPTIONS, type ServerParts } from "./server.ts";

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
  let server: Server | undefined;
  const handle = serveStdio(
    () => {
      server = createServer(parts, () => ({ principal: LOCAL, client: wire.client, target }));
      return server;
    },
    {
      transport: wire,
      onerror: (error) => parts.log.warn({ err: error }, "stdio"),
    },
  );
  return {
    closed: wire.closed,
    close: () => handle.close(),
    get connectedIds() {
      return wire.listenerId ? [wire.listenerId] : [];
    },
    refresh: async () => undefined, // a pipe has no streams
    async deliverWaiting(clientId) {
      if (clientId !== wire.listenerId) return;
      for (const data of await parts.subscriptions.take(clientId))
        await server?.notification(JSON.parse(data) as Notification);
    },
  };
}

/**
 * Stores the client before its `initialize` is answered (2025), or the subscriptions of its `subscriptions/listen` before
 * that is (2026), and ends it with the pipe: its id cannot come back.
 */
class IntroducingTransport implements Transport {
  /** Who has introduced itself (2025). */
  client: Client | undefined;
  /** Who hears of changes, in either era. */
  listenerId: string | undefined;
  readonly closed: Promise<void>;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #wire: Transport;
  readonly #parts: StdioParts;
  #introduction: JSONRPCRequest | undefined;
  /** What came while something was being stored that comes before it. */
  #held: JSONRPCMessage[] | undefined;
  #leave: () => Promise<void> = async () => undefined;

  constructor(wire: Transport, parts: StdioParts) {
    this.#wire = wire;
    this.#parts = parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise.then(() => this.#leave());
    wire.onmessage = (message: JSONRPCMessage) => this.#receive(message);
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
    const answers = isAnswer(message);
    if (introduction === undefined || !answers || message.id !== introduction.id)
      return this.#wire.send(message);
    const failure =
      "result" in message
        ? await this.#introduce(introduction, message.result as InitializeResult)
        : undefined;
    await this.#wire.send(failure ?? message);
    this.#introduction = undefined;
    this.#release();
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  #receive(message: JSONRPCMessage): void {
    if (this.#held) return void this.#held.push(message);
    if (isRequest(message) && message.method === "initialize") {
      this.#introduction = message;
      this.#held = [];
    } else if (isRequest(message) && message.method === "subscriptions/listen") {
      this.#held = [];
      void this.#listen(message).then(() => {
        this.onmessage?.(message);
        this.#release();
      });
      return;
    }
    this.onmessage?.(message);
  }

  /** What was held goes on as if it came now. */
  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.#receive(message);
  }

  /** Resolves to the error to send instead when the client could not be stored. */
  async #introduce(
    request: JSONRPCRequest,
    { protocolVersion }: InitializeResult,
  ): Promise<JSONRPCMessage | undefined> {
    const now = this.#parts.clock.now();
    const facts = { id: newId(), owner: LOCAL.id, protocolVersion, now };
    const client = introducedClient(request, facts);
    try {
      await this.#store(client);
      this.client = client;
      return undefined;
    } catch (error) {
      const { advice } = toAppError(error);
      return { jsonrpc: "2.0", id: request.id, error: { code: RPC.internal, message: advice } };
    }
  }

  /** That the news is missed when it cannot be stored is logged; the subscription itself stands. */
  async #listen(request: JSONRPCRequest): Promise<void> {
    const { subscriptions, clock, log } = this.#parts;
    const wanted = request.params?.["notifications"];
    if (!isSpecType.SubscriptionFilter(wanted)) return; // the SDK refuses it
    try {
      if (this.listenerId === undefined)
        await this.#store(listeningClient(request, { owner: LOCAL.id, now: clock.now() }));
      const clientId = this.listenerId!;
      for (const uri of wanted.resourceSubscriptions ?? [])
        await subscriptions.subscribe({ clientId, uri }, MAX_SUBSCRIPTIONS);
    } catch (error) {
      log.warn({ err: error }, "stdio");
    }
  }

  async #store(client: Client): Promise<void> {
    const { clients, presence, log } = this.#parts;
    await clients.create(client);
    this.listenerId = client.id;
    const leave = presence.enter(client.id);
    this.#leave = async () => {
      leave();
      await clients.end(client.id).catch((error: unknown) => log.warn({ err: error }, "stdio"));
    };
  }
}

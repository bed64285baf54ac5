// The pipe between one client and the SDK. A client's registration is stored before it is answered.
import type {
  InitializeResult,
  JSONRPCMessage,
  JSONRPCRequest,
  RequestId,
  Transport,
} from "@modelcontextprotocol/server";
import { LOCAL } from "../../auth/principal.ts";
import type { Presence } from "../../clients/presence.ts";
import type { SessionResolver } from "../../clients/session-resolver.ts";
import type { Clock } from "../../lib/clock.ts";
import { toAppError } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import { rpcErrorOf } from "../../protocol/errors.ts";
import { isAnswer, isNotification, isRequest } from "../../protocol/json-rpc.ts";
import type { Client, SessionTarget } from "../../sessions/session.ts";
import type { ClientStore } from "../../sessions/store.ts";
import { canonicalUri } from "../../sessions/uris.ts";
import { why } from "../../telemetry/failures.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { SubscriptionStore } from "../../updates/store.ts";
import { clientFromInitialize } from "../initialize.ts";
import { listenedUris, listeningClient, NO_HEADER } from "../modern/listen-request.ts";
import { MAX_SUBSCRIPTIONS } from "../server.ts";

export interface RegisteringOptions {
  clients: ClientStore;
  resolver: Pick<SessionResolver, "peek">;
  subscriptions: SubscriptionStore;
  presence: Presence;
  clock: Clock;
  log: Logger;
}

/**
 * Stores the client before its `initialize` is answered (2025), and the subscriptions before their
 * `subscriptions/listen` is answered (2026). The client ends with the pipe, because its id cannot come back.
 */
export class RegisteringTransport implements Transport {
  /** The client, after its `initialize` (2025). */
  client: Client | undefined;
  /** Id of the client row that receives notifications, in either era. */
  listenerId: string | undefined;
  readonly closed: Promise<void>;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #wire: Transport;
  readonly #parts: RegisteringOptions;
  readonly #target: SessionTarget | undefined;
  #introduction: JSONRPCRequest | undefined;
  /** Messages that wait until an earlier one is stored. */
  #held: JSONRPCMessage[] | undefined;
  /** The uris of each `subscriptions/listen` (2026). */
  readonly #listens = new Map<RequestId, readonly string[]>();
  #leave: () => Promise<void> = async () => undefined;

  /** `target` is the session that the program was started for. */
  constructor(wire: Transport, parts: RegisteringOptions, target: SessionTarget | undefined) {
    this.#target = target;
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
      void this.#listen(message).then((failure) => {
        if (failure) void this.#wire.send(failure);
        else this.onmessage?.(message);
        this.#release();
      });
      return;
    }
    if (isNotification(message) && message.method === "notifications/cancelled")
      this.#cancelListen(message.params?.["requestId"] as RequestId);
    this.onmessage?.(message);
  }

  /** Delivers the waiting messages as if they came now. */
  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.#receive(message);
  }

  /** Stores the client; resolves to the error to send if that fails. */
  async #introduce(
    request: JSONRPCRequest,
    { protocolVersion }: InitializeResult,
  ): Promise<JSONRPCMessage | undefined> {
    const now = this.#parts.clock.now();
    const facts = { id: newId(), principal: LOCAL, protocolVersion, now };
    const client = { ...clientFromInitialize(request, facts), credentials: NO_HEADER };
    try {
      await this.#store(client);
      this.client = client;
      return undefined;
    } catch (error) {
      return failed(request.id, error);
    }
  }

  /** Stores the subscriptions; resolves to the error to send if that fails. */
  async #listen(request: JSONRPCRequest): Promise<JSONRPCMessage | undefined> {
    try {
      const uris = listenedUris(request);
      if (this.listenerId === undefined) await this.#storeListener(request, uris);
      else await this.#parts.subscriptions.subscribe(this.listenerId, uris, MAX_SUBSCRIPTIONS);
      this.#listens.set(request.id, uris);
      return undefined;
    } catch (error) {
      return failed(request.id, error);
    }
  }

  async #storeListener(request: JSONRPCRequest, uris: readonly string[]): Promise<void> {
    const { clock, presence, resolver } = this.#parts;
    const session = await resolver.peek({ principal: LOCAL, target: this.#target });
    const client = listeningClient(request, {
      principal: LOCAL,
      sessionId: session?.id ?? null,
      now: clock.now(),
      presentUntil: presence.until,
    });
    await this.#store(client, uris);
  }

  /** Removes the subscriptions of a cancelled listen, except those that another listen has, too. */
  #cancelListen(id: RequestId): void {
    const uris = this.#listens.get(id);
    if (uris === undefined) return;
    this.#listens.delete(id);
    this.#unsubscribe(uris).catch((error: unknown) => this.#parts.log.warn(why(error), "stdio"));
  }

  async #unsubscribe(uris: readonly string[]): Promise<void> {
    const clientId = this.listenerId;
    if (clientId === undefined) return;
    const wanted = new Set([...this.#listens.values()].flat().map(canonicalUri));
    const unwanted = uris.filter((uri) => !wanted.has(canonicalUri(uri)));
    await this.#parts.subscriptions.unsubscribe(clientId, unwanted);
  }

  async #store(client: Client, uris: readonly string[] = []): Promise<void> {
    const { clients, presence, log } = this.#parts;
    await clients.create(client, { uris, max: MAX_SUBSCRIPTIONS });
    this.listenerId = client.id;
    const leave = presence.enter(client.id);
    const leaveEarlier = this.#leave; // a listener may have registered before its `initialize`
    this.#leave = async () => {
      await leaveEarlier();
      leave();
      await clients.end(client.id).catch((error: unknown) => log.warn(why(error), "stdio"));
    };
  }
}

const failed = (id: RequestId, error: unknown): JSONRPCMessage => ({
  jsonrpc: "2.0",
  id,
  error: rpcErrorOf(toAppError(error)),
});

// `subscriptions/listen` of 2026-07-28: one stream of change notifications, for as long as the caller is connected.
// Each stream has a client row, so that changes in any process reach it like any other client.
import {
  type JSONRPCNotification,
  type JSONRPCRequest,
  type RequestId,
  SERVER_INFO_META_KEY,
  SUBSCRIPTION_ID_META_KEY,
  type SubscriptionFilter,
} from "@modelcontextprotocol/server";
import type { Presence } from "../../clients/presence.ts";
import type { SessionResolver } from "../../clients/session-resolver.ts";
import { SseStream } from "../../events/sse-stream.ts";
import type { Clock } from "../../lib/clock.ts";
import { CountByKey } from "../../lib/collections/count-by-key.ts";
import { RequestError } from "../../protocol/errors.ts";
import { listChangedNotice } from "../../protocol/json-rpc.ts";
import type { Caller } from "../../sessions/session.ts";
import type { ClientStore } from "../../sessions/store.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import type { TaskAccess } from "../../tools/tasks/task-access.ts";
import type { ConnectionHolder, List } from "../../updates/delivery.ts";
import type { SubscriptionStore } from "../../updates/store.ts";
import type { ConcurrencyLimit } from "../calls/concurrency-limit.ts";
import type { StreamAnswer } from "../calls/http-answer.ts";
import { MAX_SUBSCRIPTIONS, type ServerInfo } from "../server.ts";
import {
  listenedBytes,
  listenedLists,
  listenedTasks,
  listenedUris,
  listeningClient,
} from "./listen-request.ts";
import { TaskFeed } from "./task-feed.ts";

interface Listener {
  /** The request's id, which names the subscription. */
  id: RequestId;
  sse: SseStream;
  /** The lists whose changes are sent. */
  lists: ReadonlySet<List>;
}

export interface ListenOptions {
  info: ServerInfo;
  registry: Pick<ToolRegistry, "changes">;
  clients: ClientStore;
  tasks: TaskAccess;
  resolver: Pick<SessionResolver, "peek">;
  subscriptions: SubscriptionStore;
  presence: Presence;
  openStreams: ConcurrencyLimit;
  clock: Clock;
  onError(error: unknown): void;
}

/** Maximum bytes of uris and request ids: per principal, and in all. */
const MAX_PRINCIPAL_BYTES = 8_000_000;
const MAX_BYTES = 64_000_000;

export class ListenStreams implements ConnectionHolder {
  readonly #parts: ListenOptions;
  /** Listeners by client, oldest first. */
  readonly #listeners = new Map<string, Listener>();
  /** Bytes of uris and request ids, by principal. */
  readonly #bytes = new CountByKey();
  #closed = false;

  constructor(parts: ListenOptions) {
    this.#parts = parts;
  }

  async open(request: JSONRPCRequest, caller: Caller): Promise<StreamAnswer> {
    const uris = listenedUris(request);
    const lists = this.#parts.registry.changes ? listenedLists(request) : new Set<List>();
    const { principal } = caller;
    const { id: owner } = principal;
    const taskIds = await this.#parts.tasks.readable(listenedTasks(request), principal);
    const honored: SubscriptionFilter & { taskIds?: string[] } = {
      ...Object.fromEntries([...lists].map((list) => [`${list}ListChanged`, true])),
      ...(uris.length > 0 && { resourceSubscriptions: uris }),
      ...(taskIds.length > 0 && { taskIds }),
    };
    using held = new DisposableStack();
    this.#acquire(owner, listenedBytes(request, [...uris, ...taskIds]), held);
    const feed = new TaskFeed(
      this.#parts.tasks.tasks,
      { ids: taskIds, owner },
      (params) => tell(listener, { jsonrpc: "2.0", method: "notifications/tasks", params }),
      this.#parts.onError,
    );
    held.use(feed);
    const listener = await this.#listen(request, caller, { uris, lists }, held);
    const acknowledged = {
      jsonrpc: "2.0",
      method: "notifications/subscriptions/acknowledged",
      params: { notifications: honored },
    } as const;
    tell(listener, acknowledged);
    if (taskIds.length > 0) feed.start();
    if (Object.keys(honored).length === 0 || this.#closed) this.#complete(listener);
    return { stream: listener.sse };
  }

  /**
   * Takes a stream and its bytes from the limits.
   * @throws RequestError `too_many`
   */
  #acquire(principal: string, bytes: number, held: DisposableStack): void {
    const used = this.#bytes.of(principal) + bytes;
    if (used > MAX_PRINCIPAL_BYTES || this.#bytes.total + bytes > MAX_BYTES) {
      const whose = used > MAX_PRINCIPAL_BYTES ? "One principal" : "All principals together";
      const most = used > MAX_PRINCIPAL_BYTES ? MAX_PRINCIPAL_BYTES : MAX_BYTES;
      const message = `${whose} can listen to at most ${most} bytes of uris at a time: end another subscriptions/listen first.`;
      throw new RequestError("too_many", message, { retryAfter: 1 });
    }
    held.defer(this.#parts.openStreams.acquire(principal));
    held.defer(this.#bytes.add(principal, bytes));
  }

  get connectedIds(): string[] {
    return [...this.#listeners.keys()];
  }

  async refresh(): Promise<void> {
    // Nothing is stored in these streams.
  }

  async deliverWaiting(clientId: string): Promise<void> {
    const listener = this.#listeners.get(clientId);
    if (listener === undefined) return;
    for (const data of await this.#parts.subscriptions.take(clientId))
      tell(listener, JSON.parse(data) as JSONRPCNotification);
  }

  async listChanged(list: List): Promise<void> {
    for (const listener of this.#listeners.values())
      if (listener.lists.has(list)) tell(listener, listChangedNotice(list));
  }

  /** Ends every subscription with its final result. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners.values()) this.#complete(listener);
  }

  async #listen(
    request: JSONRPCRequest,
    caller: Caller,
    { uris, lists }: { uris: readonly string[]; lists: ReadonlySet<List> },
    held: DisposableStack,
  ): Promise<Listener> {
    const { clients, presence, resolver, clock } = this.#parts;
    const session = await resolver.peek(caller);
    const client = listeningClient(request, {
      principal: caller.principal,
      sessionId: session?.id ?? null,
      now: clock.now(),
      presentUntil: presence.until,
    });
    await clients.create(client, { uris, max: MAX_SUBSCRIPTIONS });
    held.defer(() => void clients.end(client.id).catch(this.#parts.onError));
    held.defer(presence.enter(client.id));
    held.defer(() => this.#listeners.delete(client.id));
    const owned = held.move();
    const sse = new SseStream(() => owned.dispose());
    const listener = { id: request.id, sse, lists };
    this.#listeners.set(client.id, listener);
    return listener;
  }

  #complete({ id, sse }: Listener): void {
    const _meta = { [SUBSCRIPTION_ID_META_KEY]: id, [SERVER_INFO_META_KEY]: this.#parts.info };
    const result = { resultType: "complete", _meta };
    sse.send(undefined, JSON.stringify({ jsonrpc: "2.0", id, result }));
    sse.close();
  }
}

/** Sends a notification with the subscription's id. */
function tell({ id, sse }: Listener, { params, ...message }: JSONRPCNotification): void {
  const _meta = { ...params?._meta, [SUBSCRIPTION_ID_META_KEY]: id };
  sse.send(undefined, JSON.stringify({ ...message, params: { ...params, _meta } }));
}

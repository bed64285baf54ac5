// Delivers a client's messages to its server in memory, and routes the answers: quick ones to the POST's body, others
// to a durable stream.
import type { JSONRPCMessage, JSONRPCRequest, RequestId } from "@modelcontextprotocol/server";
import { fingerprint, newId } from "../../lib/ids.ts";
import { CountByKey } from "../../lib/count-by-key.ts";
import type { ToolsetName } from "../../config/toolsets.ts";
import type { Principal } from "../../auth/principal.ts";
import type { Presence } from "../../clients/presence.ts";
import type { Caller, Client, SessionTarget } from "../../sessions/session.ts";
import type { ClientStore } from "../../sessions/store.ts";
import { sseResponse, SseStream } from "../../events/sse-stream.ts";
import type { OpenRequest, StreamRecord } from "../../events/store.ts";
import { JsonResponse, StreamResponse, type ToldProgress } from "../calls/pending-response.ts";
import { mayWait } from "../calls/interruption.ts";
import { isLogLevel, LOG_LEVELS } from "../initialize.ts";
import type { LiveClientOptions } from "./live-client.ts";
import type { Lease, LiveClients } from "./live-clients.ts";
import type { PendingResponses } from "../calls/in-flight.ts";
import type { ConcurrencyLimit } from "../calls/concurrency-limit.ts";
import { RequestError } from "../../protocol/errors.ts";
import { isRequest, primes } from "../../protocol/json-rpc.ts";

export interface DispatcherOptions extends LiveClientOptions {
  instanceId: string;
  clients: ClientStore;
  live: LiveClients;
  presence: Presence;
  exchanges: PendingResponses;
  calls: ConcurrencyLimit;
}

/** A client's POST. */
export interface Posted {
  principal: Principal;
  client: Client;
  /** The session that the address names. */
  target: SessionTarget | undefined;
  /** The toolsets that the address selects for `tools/list`. */
  toolsets: readonly ToolsetName[] | undefined;
  /** Id of the HTTP request in the log. */
  requestId: string;
  headers: Headers;
  /** As in `Caller`. */
  noQuestions: string | undefined;
  messages: readonly JSONRPCMessage[];
  /** True if the messages came as an array. */
  batch: boolean;
}

export class Dispatcher {
  readonly #parts: DispatcherOptions;
  /** POSTs whose stream exists but is not connected yet. A second, equal POST must not take that stream. */
  readonly #connecting = new CountByKey();

  constructor(parts: DispatcherOptions) {
    this.#parts = parts;
  }

  async dispatch(posted: Posted): Promise<Response> {
    const { principal, client, messages } = posted;
    const requests = messages.filter(isRequest);
    const ids = requests.map(({ id }) => id);
    const leave = this.#parts.calls.acquire(principal.id, Math.max(1, ids.length));
    try {
      await this.#rememberLogLevel(client, messages);
      return await this.#answer(posted, requests, ids, leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** `leave` releases the requests' share of the limit when all have ended. */
  async #answer(
    posted: Posted,
    requests: readonly JSONRPCRequest[],
    ids: readonly RequestId[],
    leave: () => void,
  ): Promise<Response> {
    const { live, release } = await this.#parts.live.use(posted.client);
    const lease = {
      live,
      release: () => {
        release();
        leave();
      },
    };
    if (!requests.some((request) => mayWait(request, this.#parts.registry)))
      return this.#answerInBody(posted, lease, ids);
    try {
      const hash = fingerprint([posted.target ?? null, requests]);
      const key = `${posted.client.id} ${hash}`;
      const records = await this.#parts.streams.findUndelivered(posted.client.id, hash);
      // Check and take a stream without an await in between, or two equal POSTs would take the same stream. An earlier
      // equal POST whose answer reached no client is this one, sent again.
      const earlier =
        this.#connecting.of(key) > 0
          ? undefined
          : records.find(({ id }) => !lease.live.streams.isHeard(id));
      const connected = this.#connecting.add(key);
      try {
        return earlier === undefined
          ? await this.#answerOnStream(posted, lease, requests, hash)
          : await this.#join(posted, lease, earlier);
      } finally {
        connected();
      }
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /** Connects to the earlier POST's stream, from its beginning. */
  async #join({ client }: Posted, lease: Lease, record: StreamRecord): Promise<Response> {
    const leave = this.#parts.presence.enter(client.id, "request");
    const sse = await lease.live.connectStream(record, record.prunedSeq, primes(client), () => {
      leave();
      lease.release();
    });
    return sseResponse(sse);
  }

  /**
   * Runs a dead process's request again, on its original stream. `progressed` is the progress that was reported
   * before.
   */
  async rerun(request: OpenRequest, progressed: ToldProgress): Promise<void> {
    const { streams, clients, live } = this.#parts;
    const { clientId, owner, scope, credentials, id, message, target, streamId } = request;
    const client = await clients.find(owner, clientId);
    const record = await streams.find(clientId, streamId);
    if (client === undefined || record === undefined) {
      await streams.retire(streamId, id);
      return;
    }
    const lease = await live.use(client);
    const exchange = this.#streamExchange(client, lease, record, [id], progressed);
    const again = { ...message, jsonrpc: "2.0", id } as JSONRPCRequest;
    lease.live.deliver([again], exchange, {
      principal: { id: owner, ...(scope && { scope }), ...(credentials && { credentials }) },
      client,
      own: client.ownSessionId,
      target: target ?? undefined,
      requestId: newId(),
    });
  }

  #answerInBody(
    posted: Posted,
    { live, release }: Lease,
    ids: readonly RequestId[],
  ): Promise<Response> {
    const exchange = new JsonResponse(ids, posted.batch);
    this.#parts.exchanges.track(exchange, release);
    live.deliver(posted.messages, exchange, callerOf(posted));
    return exchange.response;
  }

  /** Stores the requests as open before they run, so that each has an outcome even if the process dies. */
  async #answerOnStream(
    posted: Posted,
    lease: Lease,
    requests: readonly JSONRPCRequest[],
    hash: string,
  ): Promise<Response> {
    const { principal, client, target = null, messages } = posted;
    const { scope = null, credentials = null } = principal;
    const { streams, instanceId, presence } = this.#parts;
    const ids = requests.map(({ id }) => id);
    const open = requests.map(({ id, ...message }) => ({
      id,
      message,
      target,
      scope,
      credentials,
    }));
    const record = await streams.openRequests(client.id, instanceId, open, hash);
    const exchange = this.#streamExchange(client, lease, record, ids);
    const { stream, release } = lease.live.streams.use(record);
    const sse = new SseStream(presence.enter(client.id, "request"));
    void stream.attach(sse, 0, primes(client)).then(release);
    lease.live.deliver(messages, exchange, callerOf(posted));
    return sseResponse(sse);
  }

  #streamExchange(
    client: Client,
    { live, release }: Lease,
    record: StreamRecord,
    ids: readonly RequestId[],
    progressed?: ToldProgress,
  ): StreamResponse {
    const { streams: store, maxEvents, presence, instanceId } = this.#parts;
    const { stream, release: releaseStream } = live.streams.use(record);
    const exchange: StreamResponse = new StreamResponse({
      clientId: client.id,
      ids,
      stream,
      store,
      maxEvents,
      instanceId,
      progressed,
      onTakenOver: () => live.abandon(exchange),
    });
    const leave = presence.work(client.id);
    this.#parts.exchanges.track(exchange, () => {
      leave();
      releaseStream();
      release();
    });
    return exchange;
  }

  /**
   * Stores a log level before its request is answered, so that the level survives a restart.
   * @throws RequestError `invalid_params` for an unknown level
   */
  async #rememberLogLevel(client: Client, messages: readonly JSONRPCMessage[]): Promise<void> {
    for (const message of messages) {
      if (!isRequest(message) || message.method !== "logging/setLevel") continue;
      const level = message.params?.["level"];
      if (!isLogLevel(level)) {
        const expected = `level: expected one of ${LOG_LEVELS.join(", ")}.`;
        throw new RequestError("invalid_params", expected, { request: message });
      }
      await this.#parts.clients.setLogLevel(client.id, level);
    }
  }
}

const callerOf = (posted: Posted): Caller => ({
  principal: posted.principal,
  client: posted.client,
  own: posted.client.ownSessionId,
  target: posted.target,
  toolsets: posted.toolsets,
  requestId: posted.requestId,
  headers: posted.headers,
  noQuestions: posted.noQuestions,
});

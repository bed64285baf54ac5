// Delivers a client's messages to its server in memory, and routes the answers: quick ones to the POST's body, others
// to a durable stream.
import type { JSONRPCMessage, JSONRPCRequest, RequestId } from "@modelcontextprotocol/server";
import { type Principal, principalOf } from "../../auth/principal.ts";
import type { Presence } from "../../clients/presence.ts";
import type { ToolsetName } from "../../config/toolsets.ts";
import { SseStream } from "../../events/sse-stream.ts";
import type { OpenRequest, StreamRecord } from "../../events/store.ts";
import { CountByKey } from "../../lib/collections/count-by-key.ts";
import { fingerprint, newId } from "../../lib/ids.ts";
import { RequestError } from "../../protocol/errors.ts";
import { isRequest, primes } from "../../protocol/json-rpc.ts";
import type { Caller, Client, SessionTarget } from "../../sessions/session.ts";
import type { ClientStore } from "../../sessions/store.ts";
import type { ConcurrencyLimit } from "../calls/concurrency-limit.ts";
import type { HttpAnswer, StreamAnswer } from "../calls/http-answer.ts";
import type { PendingResponses } from "../calls/in-flight.ts";
import { mayWait } from "../calls/interruption.ts";
import { JsonResponse, StreamResponse, type ToldProgress } from "../calls/pending-response.ts";
import { isLogLevel, LOG_LEVELS } from "../initialize.ts";
import type { LiveClient, LiveClientOptions, Opening } from "./live-client.ts";
import type { LiveClients } from "./live-clients.ts";

export interface DispatcherOptions extends LiveClientOptions {
  instanceId: string;
  clients: ClientStore;
  live: LiveClients;
  presence: Presence;
  pending: PendingResponses;
  calls: ConcurrencyLimit;
}

/** The requests of a response on a stream. */
interface StreamedRequests {
  ids: readonly RequestId[];
  /** The progress that an earlier run reported. */
  progressed?: ToldProgress;
  /** What the requests give back at their end. */
  held: DisposableStack;
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

  async dispatch(posted: Posted): Promise<HttpAnswer> {
    const { principal, client, messages } = posted;
    const { calls, live, registry } = this.#parts;
    const requests = messages.filter(isRequest);
    using held = new DisposableStack();
    held.defer(calls.acquire(principal.id, Math.max(1, requests.length)));
    if (requests.some(setsLogLevel)) await this.#rememberLogLevel(client, messages);
    const using = live.use(client);
    const lease = using instanceof Promise ? await using : using;
    held.defer(lease.release);
    return requests.some((request) => mayWait(request, registry))
      ? await this.#answerOnStream(posted, lease.live, requests, held)
      : await this.#answerInBody(posted, lease.live, requests, held);
  }

  #answerInBody(
    posted: Posted,
    live: LiveClient,
    requests: readonly JSONRPCRequest[],
    held: DisposableStack,
  ): Promise<HttpAnswer> {
    const response = new JsonResponse(requests.map(idOf), posted.batch);
    this.#parts.pending.track(response, held.move());
    const foreign = live.deliver(posted.messages, response, callerOf(posted));
    if (foreign.length === 0) return response.answer;
    return this.#parts.live.relay(posted.client.id, foreign).then(() => response.answer);
  }

  async #answerOnStream(
    posted: Posted,
    live: LiveClient,
    requests: readonly JSONRPCRequest[],
    held: DisposableStack,
  ): Promise<StreamAnswer> {
    const { client } = posted;
    const hash = fingerprint([posted.target ?? null, requests]);
    const key = `${client.id} ${hash}`;
    using opening = live.opening(requests);
    const records = await this.#parts.streams.findUndelivered(client.id, hash);
    // Check and take a stream without an await in between, or two equal POSTs would take the same stream. An earlier
    // equal POST whose answer reached no client is this one, sent again.
    const earlier =
      this.#connecting.of(key) > 0
        ? undefined
        : records.find(({ id }) => !live.streams.isHeard(id));
    const connected = this.#connecting.add(key);
    try {
      return earlier === undefined
        ? await this.#answerOnNewStream(posted, live, requests, { hash, opening, held })
        : await this.#join(client, live, earlier, held);
    } finally {
      connected();
    }
  }

  /** Connects to the earlier POST's stream, from its beginning. */
  async #join(
    client: Client,
    live: LiveClient,
    record: StreamRecord,
    held: DisposableStack,
  ): Promise<StreamAnswer> {
    held.defer(this.#parts.presence.enter(client.id, "request"));
    const stream = await live.connectStream(record, record.prunedSeq, primes(client), held);
    return { stream };
  }

  /**
   * Runs a dead process's request again, on its original stream. `progressed` is the progress that was reported
   * before.
   */
  async rerun(request: OpenRequest, progressed: ToldProgress): Promise<void> {
    const { streams, clients, live } = this.#parts;
    const { clientId, owner, id, message, target, streamId } = request;
    const client = await clients.find(owner, clientId);
    const record = await streams.find(clientId, streamId);
    if (client === undefined || record === undefined) {
      await streams.retire(streamId, id);
      return;
    }
    using held = new DisposableStack();
    const lease = await live.use(client);
    held.defer(lease.release);
    const response = this.#streamResponse(client, lease.live, record, {
      ids: [id],
      progressed,
      held,
    });
    const again = { ...message, jsonrpc: "2.0", id } as JSONRPCRequest;
    lease.live.deliver([again], response, {
      principal: principalOf(owner, request),
      client,
      own: client.ownSessionId,
      target: target ?? undefined,
      requestId: newId(),
    });
  }

  /** Stores the requests as open before they run, so that each has an outcome even if the process dies. */
  async #answerOnNewStream(
    posted: Posted,
    live: LiveClient,
    requests: readonly JSONRPCRequest[],
    { hash, opening, held }: { hash: string; opening: Opening; held: DisposableStack },
  ): Promise<StreamAnswer> {
    const { principal, client, target = null, messages } = posted;
    const { scope = null, credentials = null } = principal;
    const { streams, instanceId, presence } = this.#parts;
    const open = requests.map(({ id, ...message }) => ({
      id,
      message,
      target,
      scope,
      credentials,
    }));
    const record = await streams.openRequests(client.id, instanceId, open, hash);
    const response = this.#streamResponse(client, live, record, { ids: requests.map(idOf), held });
    const { stream, release } = live.streams.use(record);
    const sse = new SseStream(presence.enter(client.id, "request"));
    void stream.attach(sse, 0, primes(client)).then(release);
    const all = [...messages, ...opening.take()];
    const foreign = live.deliver(all, response, callerOf(posted));
    await this.#parts.live.relay(client.id, foreign);
    return { stream: sse };
  }

  /** The response on a stream; it takes over `held`. */
  #streamResponse(
    client: Client,
    live: LiveClient,
    record: StreamRecord,
    { ids, progressed, held }: StreamedRequests,
  ): StreamResponse {
    const { streams: store, maxEvents, presence, instanceId, pending } = this.#parts;
    const { stream, release } = live.streams.use(record);
    held.defer(release);
    held.defer(presence.work(client.id));
    const response: StreamResponse = new StreamResponse({
      clientId: client.id,
      ids,
      stream,
      store,
      maxEvents,
      instanceId,
      progressed,
      onTakenOver: () => live.abandon(response),
    });
    pending.track(response, held.move());
    return response;
  }

  /**
   * Stores a log level before its request is answered, so that the level survives a restart.
   * @throws RequestError `invalid_params` for an unknown level
   */
  async #rememberLogLevel(client: Client, messages: readonly JSONRPCMessage[]): Promise<void> {
    for (const message of messages) {
      if (!isRequest(message) || !setsLogLevel(message)) continue;
      const level = message.params?.["level"];
      if (!isLogLevel(level)) {
        const expected = `level: expected one of ${LOG_LEVELS.join(", ")}.`;
        throw new RequestError("invalid_params", expected, { request: message });
      }
      await this.#parts.clients.setLogLevel(client.id, level);
      await this.#parts.live.relay(client.id, [message]);
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

const setsLogLevel = ({ method }: JSONRPCRequest): boolean => method === "logging/setLevel";

const idOf = ({ id }: JSONRPCRequest): RequestId => id;

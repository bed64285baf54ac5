// The 2025 era over HTTP (2025-03-26 to 2025-11-25): POST, GET and DELETE with an `Mcp-Session-Id`. Any request may be
// the first that this process sees of its client. Spec: modelcontextprotocol.io, "Streamable HTTP".
import {
  isInitializeRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
} from "@modelcontextprotocol/server";
import type { ClientAccess } from "../../clients/client-access.ts";
import type { Presence } from "../../clients/presence.ts";
import type { SessionResolver } from "../../clients/session-resolver.ts";
import { parseEventId } from "../../events/event-id.ts";
import type { StreamRecord } from "../../events/store.ts";
import type { Activity } from "../../lib/activity.ts";
import type { Clock } from "../../lib/clock.ts";
import { isId, newId } from "../../lib/ids.ts";
import { toJson } from "../../lib/json/json.ts";
import { counted } from "../../lib/text/plural.ts";
import { RequestError, unknownClient } from "../../protocol/errors.ts";
import { isRequest, primes } from "../../protocol/json-rpc.ts";
import type { Client } from "../../sessions/session.ts";
import type { ClientStore } from "../../sessions/store.ts";
import type { ConcurrencyLimit } from "../calls/concurrency-limit.ts";
import type { BodyAnswer, HttpAnswer, StreamAnswer } from "../calls/http-answer.ts";
import { checkIntroduction, clientFromInitialize } from "../initialize.ts";
import { checkBatch, checkRevision } from "../messages/batch.ts";
import { paramsFault } from "../messages/faults.ts";
import type { Incoming } from "../messages/incoming.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { type Headerless, INITIALIZE_FIRST } from "./headerless.ts";
import { LiveClient, type LiveClientOptions } from "./live-client.ts";
import type { LiveClients } from "./live-clients.ts";

/** The reason why a client that accepts only JSON cannot be asked for input. */
const NEEDS_STREAM = "this request does not take text/event-stream, on which it would come.";

export interface LegacyEndpointOptions extends LiveClientOptions {
  /** Serves requests without `Mcp-Session-Id`; undefined when these are refused. */
  headerless: Headerless | undefined;
  dispatcher: Dispatcher;
  clients: ClientStore;
  clientAccess: ClientAccess;
  live: LiveClients;
  presence: Presence;
  activity: Activity;
  resolver: Pick<SessionResolver, "arrive">;
  openStreams: ConcurrencyLimit;
  clock: Clock;
}

/** A stream to connect to. */
interface Wanted {
  record: StreamRecord;
  /** Number of the last event that the client has. */
  sent: number;
  /** Number of missed events that are no longer stored. */
  lost: number;
}

export class LegacyEndpoint {
  readonly #parts: LegacyEndpointOptions;

  constructor(parts: LegacyEndpointOptions) {
    this.#parts = parts;
  }

  /** `body` is the POST's content, valid JSON-RPC 2.0. */
  async post(incoming: Incoming, body: JSONRPCMessage | JSONRPCMessage[]): Promise<HttpAnswer> {
    const batch = Array.isArray(body);
    const messages = batch ? body : [body];
    if (batch) checkBatch(messages);
    const [first] = messages;
    if (first !== undefined && "method" in first && first.method === "initialize")
      return this.#initialize(incoming, first);
    if (incoming.clientId === undefined && this.#parts.headerless !== undefined)
      return this.#parts.headerless.post(incoming, messages, batch);
    const client = await this.#client(incoming);
    if (batch) checkRevision(client.protocolVersion);
    const { principal, target, toolsets, requestId, headers, takesStream } = incoming;
    const noQuestions = takesStream ? undefined : NEEDS_STREAM;
    return this.#parts.dispatcher.dispatch({
      ...{ principal, client, target, toolsets, requestId, headers, noQuestions },
      ...{ messages, batch },
    });
  }

  /**
   * Opens a stream: a new standalone one or, with `Last-Event-ID`, a resumed one with replay. Responds 405 to end a
   * client's polling when no more events will come. Responds 410 when missed events are no longer stored; a call's
   * stream is resumed even so, because its answer may still come.
   */
  async get(incoming: Incoming): Promise<StreamAnswer> {
    const { openStreams, resolver, live, presence } = this.#parts;
    using held = new DisposableStack();
    held.defer(openStreams.acquire(incoming.principal.id));
    const client = await this.#client(incoming);
    const { principal, target } = incoming;
    await resolver.arrive({ principal, client, target, own: client.ownSessionId });
    const { record, sent, lost } = await this.#wanted(client, incoming.lastEventId);
    const lease = await live.use(client);
    held.defer(lease.release);
    held.defer(presence.enter(client.id, record.kind === "standalone" ? "stream" : "request"));
    const from = Math.max(sent, record.prunedSeq);
    const notice = lost > 0 ? lostNotice(lost) : undefined;
    const stream = await lease.live.connectStream(record, from, primes(client), held, notice);
    return { stream };
  }

  /** The stream to open: a new one, or the one that has the event. */
  async #wanted(client: Client, lastEventId: string | undefined): Promise<Wanted> {
    const { streams } = this.#parts;
    if (lastEventId === undefined)
      return { record: await streams.openStandalone(client.id), sent: 0, lost: 0 };
    const last = parseEventId(lastEventId);
    if (last === undefined)
      throw new RequestError("bad_http", "Last-Event-ID: expected the id of an event.");
    const record = await streams.findPublic(client.id, last.publicId);
    // Resume a call's stream without the lost events: the answer matters more than the notifications.
    const lost = record === undefined ? 0 : record.prunedSeq - last.seq;
    const isLost = lost > 0 && record?.kind !== "request";
    if (record === undefined || isLost || last.seq > record.lastSeq)
      throw new RequestError("gone", "The events behind this Last-Event-ID are no longer stored.");
    if (record.finishedAt !== null && last.seq === record.lastSeq) {
      throw new RequestError("wrong_method", "This stream has ended and was replayed whole.", {
        headers: { allow: "POST, DELETE" },
      });
    }
    return { record, sent: last.seq, lost };
  }

  /** Ends the client. The session stays. */
  async delete(incoming: Incoming): Promise<BodyAnswer> {
    const { clients, live } = this.#parts;
    const { id } = await this.#client(incoming);
    await live.endEverywhere(id); // its calls get their outcomes, which go with its streams
    await clients.end(id);
    await live.end(id); // a call that came in between
    return { status: 200, body: null };
  }

  async #initialize(
    { principal, requestId }: Incoming,
    message: JSONRPCMessage,
  ): Promise<BodyAnswer> {
    if (!isRequest(message))
      throw new RequestError("invalid_request", "initialize is a request: give it an id.");
    if (!isInitializeRequest(message)) {
      const fault = paramsFault("InitializeRequest", message);
      throw new RequestError("invalid_params", `initialize: ${fault}`, { request: message });
    }
    const request = message as JSONRPCRequest;
    checkIntroduction(request, request.params);
    const logged = { request, caller: { principal, requestId }, began: performance.now() };
    const live = await LiveClient.connect(newId(), this.#parts);
    const { answer, protocolVersion } = await live.introduce(request);
    if ("error" in answer || protocolVersion === undefined) {
      await live.close();
      this.#parts.requestLog.ended(logged, answer);
      return { status: 400, body: toJson(answer) };
    }
    const now = this.#parts.clock.now();
    const client = clientFromInitialize(request, {
      id: live.sessionId,
      principal,
      protocolVersion,
      now,
    });
    await this.#parts.clients.create(client);
    this.#parts.live.add(live);
    this.#parts.requestLog.ended({ ...logged, caller: { ...logged.caller, client } }, answer);
    return { status: 200, body: toJson(answer), headers: { "mcp-session-id": client.id } };
  }

  /**
   * The client that the header names, marked as active. Its protocol version is the negotiated one, whatever a later
   * header says: clients send newer and older ones.
   */
  async #client({ principal, clientId }: Incoming): Promise<Client> {
    if (clientId === undefined) {
      const message = `The header Mcp-Session-Id is missing. ${INITIALIZE_FIRST}`;
      throw new RequestError("bad_http", message);
    }
    const client = isId(clientId)
      ? await this.#parts.clientAccess.reach(principal, clientId)
      : undefined;
    if (client === undefined) throw unknownClient();
    this.#parts.activity.note(client.id);
    this.#parts.presence.seen(client.id);
    return client;
  }
}

const lostNotice = (lost: number): string => {
  const data = `${counted(lost, "earlier message")} of this call ${lost === 1 ? "is" : "are"} no longer stored.`;
  const params = { level: "warning", logger: "holdfast", data };
  return JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params });
};

// The 2025 era over HTTP (2025-03-26 to 2025-11-25): POST, GET and DELETE with an `Mcp-Session-Id`. Any request may be
// the first that this process sees of its client. Spec: modelcontextprotocol.io, "Streamable HTTP".
import {
  isInitializeRequest,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  SUPPORTED_PROTOCOL_VERSIONS,
  type JSONRPCMessage,
  type JSONRPCRequest,
} from "@modelcontextprotocol/server";
import type { Principal } from "../auth/principal.ts";
import type { Clock } from "../kernel/clock.ts";
import { isId, newId } from "../kernel/ids.ts";
import type { Activity } from "../sessions/activity.ts";
import type { Caller, Client, SessionTarget } from "../sessions/session.ts";
import type { ClientStore } from "../sessions/store.ts";
import { SSE_HEADERS } from "../streams/sse-stream.ts";
import { Exchange } from "./exchange.ts";
import { introducedClient, isLogLevel } from "./introduction.ts";
import { LiveClient } from "./live-client.ts";
import type { LiveClients } from "./live-clients.ts";
import { isMessage, RPC, rpcError } from "./rpc.ts";
import type { ServerParts } from "./server.ts";

/** The last revision whose clients may send several messages in one body. */
const LAST_WITH_BATCHES = "2025-03-26";
const MAX_BATCH = 100;

/** An HTTP request that has passed the guards. */
export interface Incoming {
  principal: Principal;
  /** From the address: `?name=` or `?session=`. */
  target: SessionTarget | undefined;
  /** The header `Mcp-Session-Id`. */
  clientId: string | undefined;
  /** The header `MCP-Protocol-Version`. */
  protocolVersion: string | undefined;
}

export interface SessionfulParts extends ServerParts {
  clients: ClientStore;
  live: LiveClients;
  activity: Activity;
  clock: Clock;
}

export class Sessionful {
  readonly #parts: SessionfulParts;
  readonly #open = new Set<Exchange>();

  constructor(parts: SessionfulParts) {
    this.#parts = parts;
  }

  /** `body` is the parsed JSON of a POST. */
  async post(incoming: Incoming, body: unknown): Promise<Response> {
    const batch = Array.isArray(body);
    const messages = batch ? (body as unknown[]) : [body];
    if (messages.length === 0 || messages.length > MAX_BATCH) {
      return rpcError(400, RPC.invalidRequest, `A batch has 1 to ${MAX_BATCH} messages.`);
    }
    if (!messages.every(isMessage))
      return rpcError(400, RPC.invalidRequest, "The body is not a JSON-RPC 2.0 message.");
    const introduction = messages.find(
      (message) => "method" in message && message.method === "initialize",
    );
    if (introduction !== undefined) {
      if (batch) return rpcError(400, RPC.invalidRequest, "initialize cannot be part of a batch.");
      return this.#introduce(incoming, introduction);
    }
    const client = await this.#client(incoming);
    if (client instanceof Response) return client;
    if (batch && client.protocolVersion > LAST_WITH_BATCHES) {
      return rpcError(
        400,
        RPC.invalidRequest,
        `Protocol version ${client.protocolVersion} has no batches.`,
      );
    }
    return this.#dispatch(incoming, client, messages, batch);
  }

  /** A standalone stream for messages that belong to no request. */
  async get(incoming: Incoming): Promise<Response> {
    const client = await this.#client(incoming);
    if (client instanceof Response) return client;
    const lease = await this.#parts.live.use(client);
    const stream = lease.live.openStream(() => lease.release());
    return new Response(stream.body, { headers: SSE_HEADERS });
  }

  /** Ends the client. The conversation stays. */
  async delete(incoming: Incoming): Promise<Response> {
    const client = await this.#client(incoming);
    if (client instanceof Response) return client;
    await this.#parts.clients.end(client.id);
    await this.#parts.live.remove(client.id);
    return new Response(null, { status: 200 });
  }

  /** Resolves when no request is running, at the latest after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([Promise.all([...this.#open].map(({ done }) => done)), timeout]);
    clearTimeout(timer);
  }

  async #introduce({ principal }: Incoming, message: JSONRPCMessage): Promise<Response> {
    if (!isJSONRPCRequest(message))
      return rpcError(400, RPC.invalidRequest, "initialize is a request: give it an id.");
    if (!isInitializeRequest(message)) {
      const expected =
        "initialize: expected params with protocolVersion, capabilities and clientInfo.";
      return rpcError(400, RPC.invalidParams, expected, { id: message.id });
    }
    const request = message as JSONRPCRequest;
    const live = await LiveClient.connect(newId(), this.#parts);
    const { answer, protocolVersion } = await live.introduce(request);
    const headers = { "content-type": "application/json" };
    if (isJSONRPCErrorResponse(answer) || protocolVersion === undefined) {
      await live.close();
      return new Response(JSON.stringify(answer), { status: 400, headers });
    }
    const now = this.#parts.clock.now();
    const client = introducedClient(request, {
      id: live.sessionId,
      owner: principal.id,
      protocolVersion,
      now,
    });
    await this.#parts.clients.create(client);
    this.#parts.live.add(live);
    return new Response(JSON.stringify(answer), {
      headers: { ...headers, "mcp-session-id": client.id },
    });
  }

  async #dispatch(
    incoming: Incoming,
    client: Client,
    messages: JSONRPCMessage[],
    batch: boolean,
  ): Promise<Response> {
    await this.#rememberLogLevel(client, messages);
    const lease = await this.#parts.live.use(client);
    const requests = messages.filter(isJSONRPCRequest);
    const ids = requests.map(({ id }) => id);
    if (new Set(ids).size < ids.length || ids.some((id) => lease.live.isOpen(id))) {
      lease.release();
      return rpcError(400, RPC.invalidRequest, "A request with this id is still running.", {
        id: ids[0] ?? null,
      });
    }
    const exchange = new Exchange({
      ids,
      batch,
      stream: requests.some((request) => this.#mayWait(request)),
    });
    this.#open.add(exchange);
    void exchange.done.then(() => {
      this.#open.delete(exchange);
      lease.release();
    });
    const { principal, target } = incoming;
    const caller: Caller = { principal, client, target };
    lease.live.deliver(messages, exchange, caller);
    return exchange.response;
  }

  #mayWait({ method, params }: JSONRPCRequest): boolean {
    return method === "tools/call" && !this.#parts.registry.isQuick(params?.["name"]);
  }

  /** The level is stored before its request is answered, so that it holds after a restart. */
  async #rememberLogLevel(client: Client, messages: readonly JSONRPCMessage[]): Promise<void> {
    for (const message of messages) {
      if (!isJSONRPCRequest(message) || message.method !== "logging/setLevel") continue;
      const level = message.params?.["level"];
      if (isLogLevel(level)) await this.#parts.clients.setLogLevel(client.id, level);
    }
  }

  /** The client that the headers name, noted as active; or why there is none. */
  async #client({ principal, clientId, protocolVersion }: Incoming): Promise<Client | Response> {
    if (protocolVersion !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(protocolVersion)) {
      const supported = SUPPORTED_PROTOCOL_VERSIONS.join(", ");
      return rpcError(
        400,
        RPC.server,
        `Unsupported protocol version: ${protocolVersion} (supported: ${supported}).`,
      );
    }
    if (clientId === undefined) {
      return rpcError(
        400,
        RPC.server,
        "The header Mcp-Session-Id is missing: send initialize first.",
      );
    }
    const client = isId(clientId)
      ? await this.#parts.clients.find(principal.id, clientId)
      : undefined;
    if (client === undefined)
      return rpcError(404, RPC.sessionNotFound, "Session not found: send initialize again.");
    this.#parts.activity.note(client.id);
    return client;
  }
}

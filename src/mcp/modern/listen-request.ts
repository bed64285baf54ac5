// The contents of a `subscriptions/listen` request (2026-07-28), and the client row for it.
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type Implementation,
  isSpecType,
  type JSONRPCRequest,
  type SubscriptionFilter,
} from "@modelcontextprotocol/server";
import type { Principal } from "../../auth/principal.ts";
import { newId } from "../../lib/ids.ts";
import { RequestError } from "../../protocol/errors.ts";
import type { Client } from "../../sessions/session.ts";
import { missingTasks } from "../../tools/tasks/wire.ts";
import type { List } from "../../updates/delivery.ts";
import { MAX_SUBSCRIBED_BYTES } from "../../updates/store.ts";
import { checkIntroduction, clientFromMeta, MODERN_VERSION } from "../initialize.ts";
import { isLongUri, MAX_SUBSCRIPTIONS, MAX_URI_BYTES } from "../server.ts";
import { takesTasks } from "../tasks.ts";

/**
 * The resources to listen to, without duplicates.
 * @throws RequestError `invalid_params`, `missing_capability`
 */
export function listenedUris(request: JSONRPCRequest): string[] {
  const wanted = request.params?.["notifications"];
  const refusal = (fault: string): RequestError =>
    new RequestError("invalid_params", fault, { request });
  if (!isSpecType.SubscriptionFilter(wanted))
    throw refusal("notifications: expected what to listen for, { resourceSubscriptions: […] }.");
  checkIntroduction(request, request.params?._meta);
  if ("taskIds" in wanted && !takesTasks(request.params?._meta)) {
    const { message, data } = missingTasks();
    throw new RequestError("missing_capability", message, { request, data });
  }
  const uris = [...new Set(wanted.resourceSubscriptions)];
  if (uris.some(isLongUri))
    throw refusal(`notifications: a uri has at most ${MAX_URI_BYTES} bytes.`);
  if (uris.length > MAX_SUBSCRIPTIONS)
    throw refusal(`notifications: at most ${MAX_SUBSCRIPTIONS} resourceSubscriptions.`);
  if (bytesOf(uris) > MAX_SUBSCRIBED_BYTES)
    throw refusal(
      `notifications: at most ${MAX_SUBSCRIBED_BYTES} bytes of resourceSubscriptions in all.`,
    );
  return uris;
}

/**
 * The tasks to listen to, without duplicates, in a request that `listenedUris` accepts.
 * @throws RequestError `invalid_params`
 */
export function listenedTasks(request: JSONRPCRequest): string[] {
  const { taskIds } = request.params!["notifications"] as { taskIds?: unknown };
  const ids = new Set<unknown>(Array.isArray(taskIds) ? taskIds : []);
  const isValid = taskIds === undefined || Array.isArray(taskIds);
  const texts = [...ids].filter((id) => typeof id === "string");
  if (isValid && ids.size <= MAX_TASKS && texts.length === ids.size)
    return texts.filter((id) => id.length <= MAX_ID);
  const fault = `notifications: taskIds: expected a list of at most ${MAX_TASKS} ids.`;
  throw new RequestError("invalid_params", fault, { request });
}

/** Maximum number of tasks of one stream, and length of their ids. */
const MAX_TASKS = 100;
const MAX_ID = 100;

const bytesOf = (uris: readonly string[]): number =>
  uris.reduce((sum, uri) => sum + Buffer.byteLength(uri), 0);

/** Approximate memory of an open listen stream, in bytes. */
export const listenedBytes = ({ id }: JSONRPCRequest, uris: readonly string[]): number =>
  bytesOf([String(id), ...uris]);

/** The lists to listen to, in a request that `listenedUris` accepts. */
export function listenedLists({ params }: JSONRPCRequest): ReadonlySet<List> {
  const wanted = params?.["notifications"] as SubscriptionFilter;
  const lists = ["tools", "prompts", "resources"] as const;
  return new Set(lists.filter((list) => wanted[`${list}ListChanged`] === true));
}

/** Credentials of a client that no `Mcp-Session-Id` can reach. */
export const NO_HEADER = "connection";

/**
 * A client that no request can reach: it ends with its connection, which is counted as present until `presentUntil`.
 */
export function listeningClient(
  { params }: JSONRPCRequest,
  {
    principal,
    sessionId,
    now,
    presentUntil,
  }: Pick<Client, "sessionId" | "presentUntil"> & { principal: Principal; now: number },
): Client {
  const meta = params?._meta ?? {};
  const program = meta[CLIENT_INFO_META_KEY] as Implementation | undefined;
  return {
    id: newId(),
    ...clientFromMeta(principal),
    credentials: NO_HEADER,
    ownSessionId: newId(),
    protocolVersion: MODERN_VERSION,
    sessionId,
    name: program?.name ?? "unknown",
    version: program?.version ?? "unknown",
    capabilities: (meta[CLIENT_CAPABILITIES_META_KEY] ?? {}) as Record<string, unknown>,
    initialize: {},
    logLevel: null,
    createdAt: now,
    lastSeenAt: 0, // always expired: only the connection keeps the client
    presentUntil,
    endedAt: null,
  };
}

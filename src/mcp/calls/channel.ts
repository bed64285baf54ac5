// The connection of a handler to its caller: progress, log, cancellation, and the request around the arguments.
import { inspect } from "node:util";
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  PROTOCOL_VERSION_META_KEY,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { type CallingProgram, requestInfo } from "../../definitions/request.ts";
import { AppError } from "../../lib/errors.ts";
import { findJsonFault } from "../../lib/json/json-fault.ts";
import type { Caller } from "../../sessions/session.ts";
import { REQUEST_KEY_META } from "../../tools/request-key.ts";
import type { CallChannel } from "../../tools/session/context.ts";
import { isLogLevel } from "../initialize.ts";
import { takesTasks } from "../tasks.ts";

type McpRequest = ServerContext["mcpReq"];

/** The part of the SDK's context of a request that a channel needs. */
export interface RequestContext {
  mcpReq: Pick<McpRequest, "signal" | "log" | "notify" | "requestState"> &
    Partial<Pick<McpRequest, "_meta" | "envelope" | "inputResponses">>;
  http?: Pick<NonNullable<ServerContext["http"]>, "closeSSE"> | undefined;
}

export function channelOf({ mcpReq, http }: RequestContext, caller: Caller): CallChannel {
  const progressToken = mcpReq._meta?.progressToken;
  let furthest = -Infinity;
  return {
    signal: mcpReq.signal,
    client: programOf(mcpReq, caller),
    request: requestInfo(mcpReq._meta, caller.headers),
    requestKey: requestKeyOf(mcpReq),
    inputResponses: mcpReq.inputResponses,
    requestState: mcpReq.requestState,
    async log(level, data) {
      if (isLogLevel(level)) await mcpReq.log(level, loggable(data)).catch(gone);
    },
    closeStream: () => http?.closeSSE?.(),
    taskSupport: taskSupportOf(mcpReq),
    async progress(progress, total, message) {
      // Drop progress that is no number, which strict clients take for a broken connection, and progress that does not
      // grow.
      if (progressToken === undefined || !(Number.isFinite(progress) && progress > furthest))
        return;
      furthest = progress;
      const params = {
        progressToken,
        progress,
        ...(Number.isFinite(total) && { total }),
        ...(typeof message === "string" && { message }),
      };
      await mcpReq.notify({ method: "notifications/progress", params }).catch(gone);
    },
  };
}

/** Only 2026-07-28 has tasks, for those who declare the extension with the call. */
function taskSupportOf({ envelope }: RequestContext["mcpReq"]): CallChannel["taskSupport"] {
  if (envelope === undefined) return undefined;
  return takesTasks(envelope) ? "taken" : "refused";
}

/** The data if JSON can hold it, else its text. */
function loggable(data: unknown): unknown {
  return findJsonFault(data) === undefined ? data : data === undefined ? null : inspect(data);
}

/** The calling program: 2026-07-28 clients name it in each request, legacy clients in `initialize`. */
export function programOf(
  { envelope }: RequestContext["mcpReq"],
  { client }: Caller,
): CallingProgram | undefined {
  if (envelope === undefined) return client;
  const meta: Record<string, unknown> = envelope;
  const info = (meta[CLIENT_INFO_META_KEY] ?? {}) as Partial<Implementation>;
  return {
    name: info.name ?? "unknown",
    version: info.version ?? "unknown",
    protocolVersion: meta[PROTOCOL_VERSION_META_KEY] as string,
    capabilities: meta[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities,
  };
}

function requestKeyOf({ _meta }: RequestContext["mcpReq"]): string | undefined {
  const key = _meta?.[REQUEST_KEY_META];
  if (key === undefined || key === "") return undefined;
  if (typeof key === "string") return key;
  throw new AppError("invalid", `${REQUEST_KEY_META}: expected text.`);
}

/** Ignores a failed notification: progress and logs must not fail the call, awaited or not. */
const gone = (): void => undefined;

// Sessions over stdio: the same tools on the same data folder, for the client at the other end of the pipe.
import type { Notification, Server } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { LOCAL } from "../../auth/principal.ts";
import { listChangedNotice } from "../../protocol/json-rpc.ts";
import type { Caller, SessionTarget } from "../../sessions/session.ts";
import { why } from "../../telemetry/failures.ts";
import type { ConnectionHolder } from "../../updates/delivery.ts";
import { type CallerOf, createServer, type McpServerOptions } from "../server.ts";
import { EraChannels } from "./era-channels.ts";
import { LoggingTransport } from "./logging-transport.ts";
import { PipeTransport } from "./pipe-transport.ts";
import { type RegisteringOptions, RegisteringTransport } from "./registering-transport.ts";

export interface StdioOptions extends McpServerOptions, RegisteringOptions {
  /** True if a client without an address gets a session of its own. */
  ownSessions: boolean;
  /** Time that calls get to finish, at a stop and after the client has closed its end of the pipe. */
  graceMs: number;
  /** Maximum size of one message. */
  maxBodyBytes: number;
  /** Maximum nesting of JSON. */
  maxDepth: number;
}

export interface StdioConnection extends ConnectionHolder {
  /** Resolves when the pipe has closed. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** The process's real standard input and output. */
export interface StandardStreams {
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
}

/** Serves these streams until the client closes them. */
export function serveOverStdio(
  parts: StdioOptions,
  target: SessionTarget | undefined,
  { input, output }: StandardStreams,
): StdioConnection {
  const caller = (): Caller => ({
    ...{ principal: LOCAL, client: wire.client, target },
    own: parts.ownSessions ? wire.client?.ownSessionId : undefined,
    listenerId: wire.listenerId,
  });
  const lines = new PipeTransport({
    ...{ input, output },
    ...{ maxBytes: parts.maxBodyBytes, maxDepth: parts.maxDepth },
    beforeEnd: () => pipe.finish(parts.graceMs),
  });
  const pipe: LoggingTransport = new LoggingTransport(lines, parts.requestLog, caller);
  const wire: RegisteringTransport = new RegisteringTransport(pipe, parts, target);
  const channels = new EraChannels(wire);
  const servers: { legacy?: Server; modern?: Server } = {};
  const handles = [channels.legacy, channels.modern].map((transport) =>
    serveStdio(
      ({ era }) => {
        const callerOf: CallerOf = ({ mcpReq }) => ({
          ...caller(),
          rpcId: mcpReq.id,
          requestId: pipe.requestId(mcpReq.id),
        });
        const server = createServer(parts, callerOf, { era });
        servers[era] = server;
        return server;
      },
      { transport, onerror: (error) => parts.log.warn(why(error), "stdio") },
    ),
  );
  channels.start().catch((error: unknown) => parts.log.warn(why(error), "stdio"));
  const notify = async (notification: Notification): Promise<void> => {
    if (wire.client !== undefined) await servers.legacy?.notification(notification);
    await servers.modern?.notification(notification); // for a listening client
  };
  return {
    closed: wire.closed,
    async close() {
      await pipe.finish(parts.graceMs).catch(() => undefined); // the client may have gone
      // Close the modern server first: it sends listeners a last message, and either server closes the pipe.
      for (const handle of handles.toReversed()) await handle.close();
    },
    get connectedIds() {
      return wire.listenerId ? [wire.listenerId] : [];
    },
    refresh: async () => undefined, // a pipe has no streams
    async listChanged(list) {
      if (wire.listenerId === undefined) return;
      const { method } = listChangedNotice(list);
      await notify({ method });
    },
    async deliverWaiting(clientId) {
      if (clientId !== wire.listenerId) return;
      for (const data of await parts.subscriptions.take(clientId))
        await notify(JSON.parse(data) as Notification);
    },
  };
}

// Ends what a dead process left open, so that every call has a definite outcome: run again on its original stream when
// its tool declares that to be safe, else an error that says so.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import type { OpenRequest, StreamStore } from "../streams/store.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { progressOf } from "./exchange.ts";
import { RPC } from "./rpc.ts";
import type { Sessionful } from "./sessionful.ts";

const BATCH = 500;

export interface RecoveryParts {
  streams: StreamStore;
  sessionful: Sessionful;
  registry: ToolRegistry;
  instanceId: string;
}

/** Ends every open request whose process is no more; resolves when each has an outcome or runs again. */
export async function recoverRequests({
  streams,
  sessionful,
  registry,
  instanceId,
}: RecoveryParts): Promise<void> {
  for (const orphan of await streams.orphans()) {
    if (!(await streams.adopt(orphan, instanceId))) continue; // another process was faster
    if (mayRunAgain(orphan, registry))
      await sessionful.rerun(orphan, await toldProgress(orphan, streams));
    else await streams.answer(orphan.clientId, orphan.id, JSON.stringify(interrupted(orphan)));
  }
}

function mayRunAgain({ message }: OpenRequest, registry: ToolRegistry): boolean {
  const { method, params } = message as { method?: string; params?: { name?: unknown } };
  return method === "tools/call" && registry.isIdempotent(params?.name);
}

const interrupted = ({ id }: OpenRequest): JSONRPCMessage => ({
  jsonrpc: "2.0",
  id,
  error: {
    code: RPC.internal,
    message: "The server was interrupted while it worked on this request. Try again.",
    data: { interrupted: true, retryable: true },
  },
});

/** How far the earlier run had told its progress: a re-run says nothing below it. */
async function toldProgress({ streamId }: OpenRequest, streams: StreamStore): Promise<number> {
  let told = -Infinity;
  let after = 0;
  for (;;) {
    const events = await streams.events(streamId, after, BATCH);
    if (events.length === 0) return told;
    for (const { data } of events)
      told = Math.max(told, progressOf(JSON.parse(data) as JSONRPCMessage) ?? told);
    after = events.at(-1)!.seq;
  }
}

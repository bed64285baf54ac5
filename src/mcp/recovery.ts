// Ends what a dead process left open, so that every call has a definite outcome: run again on its original stream when
// its tool declares that to be safe, else an error that says so.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import type { OpenRequest, StreamStore } from "../streams/store.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { progressOf } from "./exchange.ts";
import { interrupted, mayRunAgain, type Interruptible } from "./interruption.ts";
import type { Dispatcher } from "./dispatcher.ts";

const BATCH = 500;

export interface RecoveryParts {
  streams: StreamStore;
  dispatcher: Dispatcher;
  registry: ToolRegistry;
  instanceId: string;
}

/** Ends every open request whose process is no more; resolves when each has an outcome or runs again. */
export async function recoverRequests({
  streams,
  dispatcher,
  registry,
  instanceId,
}: RecoveryParts): Promise<void> {
  for (const orphan of await streams.orphans()) {
    if (!(await streams.adopt(orphan, instanceId))) continue; // another process was faster
    if (mayRunAgain(orphan.message as unknown as Interruptible, registry))
      await dispatcher.rerun(orphan, await toldProgress(orphan, streams));
    else await streams.answer(orphan.clientId, orphan.id, JSON.stringify(interrupted(orphan.id)));
  }
}

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

// Ends a dead process's open requests, so that every call has a definite outcome. A request runs again on its original
// stream if its tool declares that to be safe; any other is answered as interrupted.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { may, NO_CREDENTIALS, principalOf } from "../../auth/principal.ts";
import type { CredentialsLife } from "../../clients/client-access.ts";
import type { OpenRequest, StreamStore } from "../../events/store.ts";
import type { Clock } from "../../lib/clock.ts";
import { why } from "../../telemetry/failures.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { ANYTHING } from "../../updates/changes.ts";
import { interrupted, type Interruptible, mayRunAgain } from "../calls/interruption.ts";
import { noteProgress, type ToldProgress } from "../calls/pending-response.ts";
import { neededScope } from "../scopes.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { LiveClients } from "./live-clients.ts";

export interface RecoveryOptions {
  streams: StreamStore;
  dispatcher: Dispatcher;
  live: LiveClients;
  registry: ToolRegistry;
  /** The check that credentials are still valid, by `Credentials.id`. */
  life: CredentialsLife;
  clock: Clock;
  instanceId: string;
  log: Logger;
}

/** Ends every open request of a dead process; resolves when each has an outcome or runs again. */
export async function recoverRequests(parts: RecoveryOptions): Promise<void> {
  const { streams, live, instanceId, log } = parts;
  const orphans = await streams.orphans();
  const recovered = { rerun: 0, interrupted: 0 };
  for (const orphan of orphans) {
    if (!(await streams.adopt(orphan, instanceId))) continue; // another process was faster
    const outcome = await recover(orphan, parts).catch(async (error: unknown) => {
      log.error(why(error), "a request that a dead process left could not be run again");
      return interrupt(orphan, parts);
    });
    recovered[outcome] += 1;
  }
  if (recovered.rerun + recovered.interrupted > 0)
    log.info(recovered, "ended what a dead process left");
  if (orphans.length > 0) await live.refresh(ANYTHING); // clients may already be connected to their streams
}

async function recover(
  orphan: OpenRequest,
  parts: RecoveryOptions,
): Promise<"rerun" | "interrupted"> {
  const { streams, dispatcher, registry } = parts;
  const again = mayRunAgain(orphan.message as unknown as Interruptible, registry);
  if (!again || !(await isStillAllowed(orphan, parts))) return interrupt(orphan, parts);
  await dispatcher.rerun(orphan, await toldProgress(orphan, streams));
  return "rerun";
}

/** True if the caller may still run the request: a key may be revoked, a token expired, a tool's scope raised. */
async function isStillAllowed(
  request: OpenRequest,
  { registry, life, clock }: RecoveryOptions,
): Promise<boolean> {
  const { id = NO_CREDENTIALS, until = Infinity } = request.credentials ?? {};
  const scope = neededScope([request.message as unknown as JSONRPCMessage], registry);
  return (
    may(principalOf(request.owner, request), scope) &&
    until > clock.now() &&
    (await life.stillHold(id))
  );
}

async function interrupt(
  { streamId, id, message }: OpenRequest,
  { streams, instanceId }: RecoveryOptions,
): Promise<"interrupted"> {
  const request = { ...(message as unknown as Interruptible), id };
  await streams.answer(streamId, id, JSON.stringify(interrupted(request)), instanceId);
  return "interrupted";
}

/** The progress that the earlier run reported; a re-run reports nothing below it. */
async function toldProgress(
  { streamId }: OpenRequest,
  streams: StreamStore,
): Promise<ToldProgress> {
  const told: ToldProgress = new Map();
  let after = 0;
  for (;;) {
    const events = await streams.events(streamId, after);
    if (events.length === 0) return told;
    for (const { data } of events)
      if (data !== "") noteProgress(JSON.parse(data) as JSONRPCMessage, told);
    after = events.at(-1)!.seq;
  }
}

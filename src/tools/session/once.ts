// Calls with a request key, and later rounds of calls: each is done once, however often it is repeated. Not here: the runs and
// their outcomes (../../idempotency/).
import type { CurrentSession } from "../../clients/session-resolver.ts";
import type { KeyedOptions, Run } from "../../idempotency/idempotent-calls.ts";
import { fingerprint, idFor } from "../../lib/ids.ts";
import { useState } from "../../protocol/request-state-use.ts";
import type { Caller } from "../../sessions/session.ts";
import { isQuestion, type Settled, taskIn } from "../results.ts";
import type { Call, Once, OpenedSession, SessionPolicy, TaskMode, TaskStart } from "./context.ts";

/** A handler's result, and the session of the call. */
export interface Handled {
  result: Settled;
  session: string | undefined;
  /** The session that the call was to delete, in place of `session`: an outcome goes with its session. */
  deleted?: string | undefined;
  /** Present when the call created that session. */
  opened?: OpenedSession | undefined;
}

/** One run of the handler, or the beginning of its task. */
export interface HandlerRun
  extends Pick<Run, "signal" | "newSessionId">, Partial<Pick<Run, "change">> {
  /** The id of the task, if the call has a key. */
  taskId?: string | undefined;
  as?: TaskStart["as"];
}

/** How the call is handled. */
interface Handling {
  /** The session of the call, if there is one already. */
  found: CurrentSession | undefined;
  policy: SessionPolicy;
  /** Undefined for a call that begins no task. */
  mode: TaskMode | undefined;
  handle(run: HandlerRun): Promise<Handled>;
}

/** @throws the errors of `IdempotentCalls.once` and `useState` */
export async function doneOnce(call: Call, handling: Handling): Promise<Handled> {
  const { found, policy, mode, handle } = handling;
  const { channel, once, round, newSessionId, services } = call;
  // Create a session that exists only by name so far: the key belongs to the session.
  if (found?.hasId === false) await found.create();
  const deletes = once?.deletesSession === true;
  const scope = deletes ? scopeOfDeletion(call) : scopeOf(policy, call, found);
  const place = { owner: call.caller.principal.id, scope };
  const start = { signal: channel.signal, newSessionId };
  const taskId = mode && once && idFor([place.owner, scope, once.key, once.request]);
  const taskOf = ({ result }: Handled): string | undefined => mode && taskIn(result);
  let isOwn = false;
  const act = (run: Run, isRecovery: boolean): Promise<Handled> => {
    isOwn = true;
    return handle({ ...run, taskId, as: isRecovery ? "recovery" : "first" });
  };
  /** The key, and the state, of a task that has not ended stand for it. */
  const stands = (value: Handled): boolean => isFinal(value.result) || taskOf(value) !== undefined;

  /** Runs one round. A failure does not use up the state: a better answer may follow. */
  const inRound = async (
    options: Omit<KeyedOptions, "run">,
    isRecovery = false,
  ): Promise<Handled> => {
    const run = async (run: Run) => {
      // An interrupted call may have left no run of its round.
      const value = await act(run, isRecovery || run.isRecovery);
      return { value, keep: isQuestion(value.result) || stands(value) };
    };
    const used = useState(services.idempotentCalls, round!, place, { ...options, run });
    return (await used) as Handled;
  };

  const withKey = async ({ repeatable, key, request, frees }: Once): Promise<Handled> => {
    const run = async (run: Run) => {
      const value = await (round
        ? inRound({ ...run, repeatable: true }, run.isRecovery)
        : act(run, run.isRecovery));
      return { value, keep: stands(value) };
    };
    const keyed = { ...place, key, request, frees };
    const options = { ...start, repeatable, recovers: mode !== undefined, run };
    return (await services.idempotentCalls.once(keyed, options)) as Handled;
  };

  const handled = await (once === undefined
    ? inRound({ ...start, repeatable: round!.repeatable })
    : withKey(once));
  const known = isOwn ? undefined : taskOf(handled);
  return known === undefined ? handled : handle({ ...start, taskId: known, as: "repeat" });
}

/** The scope of a key: the session; for a tool without one, the session that the caller's address or client names. */
function scopeOf(policy: SessionPolicy, call: Call, found: CurrentSession | undefined): string {
  if (policy === "optional" && call.session === undefined) return standing(call.caller);
  return found?.id ?? standing(call.caller);
}

/** The scope of a deletion's key, which does not go with the session: the session as the call names it, of any length. */
const scopeOfDeletion = ({ session, caller: { target, own } }: Call): string =>
  `deletion ${fingerprint([session ?? target ?? own ?? null])}`;

const standing = ({ target, own = "" }: Caller): string =>
  target === undefined ? own : "id" in target ? target.id : "";

/** True for a final result. After a question or a failure, a repeated call runs again. */
const isFinal = (result: Settled): boolean => !isQuestion(result) && result.isError !== true;

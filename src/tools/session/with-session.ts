// Finds the session of a call, checks the caller's access, and passes the session to the handler.
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { CurrentSession } from "../../clients/session-resolver.ts";
import { ToolMistake } from "../../definitions/mistake.ts";
import type { PreparedSchema } from "../../definitions/schema.ts";
import type { KeyedOptions, Run } from "../../idempotency/idempotent-calls.ts";
import { AppError } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import { useState } from "../../protocol/request-state-use.ts";
import { invalidState } from "../../protocol/request-state.ts";
import type { Caller } from "../../sessions/session.ts";
import { isQuestion, isSettled, settle, type Settled } from "../results.ts";
import { changesOf, idsFrom } from "./changes.ts";
import type {
  Call,
  OpenedSession,
  SessionPolicy,
  TaskMode,
  ToolContext,
  ToolResult,
} from "./context.ts";
import { counted } from "./counted.ts";
import { OwnSessions } from "./own-sessions.ts";
import { type Run as ChangingRun, SessionHandle } from "./session-handle.ts";

type Handler<Input, Policy extends SessionPolicy> = (
  context: ToolContext<Input, Policy>,
) => ToolResult | Promise<ToolResult>;

/** A handler's result, and the session of the call. */
interface Handled {
  result: Settled;
  session: string | undefined;
  /** The session that the call was to delete, in place of `session`: an outcome goes with its session. */
  deleted?: string | undefined;
  /** Present when the call created that session. */
  opened?: OpenedSession | undefined;
}

interface ResultOptions<Input> {
  output?: PreparedSchema | undefined;
  timeoutMs?: number | undefined;
  /** Undefined for a call that is no task. */
  task?: ((input: Input) => TaskMode | undefined) | undefined;
  /** Runs before a task begins; a question that it returns comes first. */
  prepare?: ((context: never) => unknown) | undefined;
}

/**
 * Makes a tool's `run` from `handler`: resolves the session by (principal, id), and runs a call with a key once.
 * @throws AppError `not_found` or `invalid` with what to do next; ToolMistake for a result that cannot be sent
 */
export function withSession<Input, Policy extends SessionPolicy>(
  wanted: Policy | ((input: Input) => Policy),
  handler: Handler<Input, Policy>,
  { output, timeoutMs, task, prepare }: ResultOptions<Input> = {},
): (call: Call) => Promise<Settled> {
  return async (call) => {
    const { caller, services, channel, once, round, newSessionId } = call;
    const input = call.input as Input;
    const policy = typeof wanted === "function" ? checkPolicy(wanted(input)) : wanted;
    // A deletion that is repeated finds no session: what it had done then is looked up first.
    const deletes = once?.deletesSession === true;
    const found = deletes ? undefined : await resolve(policy, call);
    if (round?.session) checkSession(round.session, found?.id ?? newSessionId);

    const handle = async (run: Omit<Run, "change"> & Partial<Run>): Promise<Handled> => {
      const there = deletes ? await resolve(policy, call) : found;
      const current = there ?? withoutSession(policy, call, run.newSessionId);
      // Give the reserved id to the session that the call works in; further sessions get ids of their own.
      const spare = current === undefined || there !== undefined ? run.newSessionId : newId();
      // Skip completed changes only in built-in tools: a user's own tool reads its progress and goes on from there.
      const made = once?.changesOnly ? run.change : undefined;
      const change = changesOf(services.updates, caller, made);
      const changing = { caller, change, newId: idsFrom(spare) };
      if (current?.hasId) call.onSession(current.id);
      current?.whenCreated(({ id }) => call.task?.noteSession(id) ?? Promise.resolve());
      const contextOf: ContextOf<Input, Policy> = (signal) =>
        contextFor(call, current, changing, signal);
      const left = services.runningCalls.enter(() => (current?.hasId ? current.id : undefined));
      const mode = call.task === undefined ? task?.(input) : undefined;
      const act = async (): Promise<Settled> => {
        if (mode === undefined)
          return settle(await perform(handler, call, contextOf, { timeoutMs, ...run }), output);
        const ask = () => prepare?.(contextOf(run.signal) as never);
        return begin(call, { mode, run, there, prepare: ask });
      };
      const result = await act().finally(left);
      if (!current?.hasId) return { result, session: undefined };
      if (deletes) return { result, session: undefined, deleted: current.id };
      return { result, session: current.id, opened: openedIn(current, caller) };
    };

    const handled = await (once === undefined && round === undefined
      ? handle({ signal: channel.signal, newSessionId })
      : doneOnce());
    const session = handled.session ?? handled.deleted;
    if (session !== undefined) call.onSession(session, handled.opened);
    // Settle results of an earlier version, which stored the handler's return value.
    return isSettled(handled.result) ? handled.result : settle(handled.result);

    async function doneOnce(): Promise<Handled> {
      // Create a session that exists only by name so far: the key belongs to the session.
      if (found?.hasId === false) await found.create();
      const scope = deletes ? scopeOfDeletion(call) : scopeOf(policy, call, found);
      const place = { owner: caller.principal.id, scope };
      const start = { signal: channel.signal, newSessionId };
      if (once === undefined) return inRound({ ...start, repeatable: round!.repeatable });
      const { repeatable, key, request, frees } = once;
      return (await services.idempotentCalls.once(
        { ...place, key, request, frees },
        {
          ...start,
          repeatable,
          run: async (run) => {
            const value = await (round ? inRound({ ...run, repeatable: true }) : handle(run));
            return { value, keep: isFinal(value.result) };
          },
        },
      )) as Handled;

      /** Runs one round. A failure does not use up the state: a better answer may follow. */
      async function inRound(options: Omit<KeyedOptions, "run">): Promise<Handled> {
        const run = async (run: Run) => {
          const value = await handle(run);
          return { value, keep: isQuestion(value.result) || isFinal(value.result) };
        };
        return (await useState(services.idempotentCalls, round!, place, {
          ...options,
          run,
        })) as Handled;
      }
    }
  };
}

function contextFor<Input, Policy extends SessionPolicy>(
  call: Call,
  current: CurrentSession | undefined,
  changing: ChangingRun,
  signal: AbortSignal,
): ToolContext<Input, Policy> {
  const { services, channel, caller } = call;
  const busy = call.task && (<T>(act: () => Promise<T>) => call.task!.busy(act));
  const during = <T extends object>(object: T): T => (busy ? counted(object, busy) : object);
  const session = current && during(new SessionHandle(services, current, changing));
  return {
    ...channel,
    signal,
    input: call.input as Input,
    session: session as ToolContext<Input, Policy>["session"],
    sessionArgument: call.session,
    sessions: during(new OwnSessions(services, changing)),
    principal: caller.principal,
  };
}

type ContextOf<Input, Policy extends SessionPolicy> = (
  signal: AbortSignal,
) => ToolContext<Input, Policy>;

/** Runs the handler, with its task if this is the run of one. */
const perform = <Input, Policy extends SessionPolicy>(
  handler: Handler<Input, Policy>,
  { task }: Call,
  contextOf: ContextOf<Input, Policy>,
  { timeoutMs, signal }: { timeoutMs: number | undefined; signal: AbortSignal },
) =>
  within(timeoutMs, signal, (limited) => {
    const context = contextOf(limited);
    if (task === undefined) return handler(context);
    const withTask = { ...context, task };
    return task.within(() => handler(withTask));
  });

interface Beginning {
  mode: TaskMode;
  run: Pick<Run, "signal" | "newSessionId">;
  /** The session of the call, if there is one already. */
  there: CurrentSession | undefined;
  prepare(): unknown;
}

/** Begins a task in place of the handler, or goes on with that of an earlier round. */
async function begin(
  { channel, beginTask, once }: Call,
  { mode, run, there, prepare }: Beginning,
): Promise<Settled> {
  const begun = channel.requestState<{ [TASK_STATE]?: string }>()?.[TASK_STATE];
  if (begun === undefined) {
    const prepared = await settle(await prepare());
    if (isQuestion(prepared) || (prepared as CallToolResult).isError === true) return prepared;
  }
  return beginTask({
    mode,
    // A repeated call finds the same task.
    id: begun ?? run.newSessionId,
    sessionId: there === undefined ? null : (await there.create()).id,
    signal: run.signal,
    isKeyed: once !== undefined,
  });
}

/** Key of the task's id in the state of a call that asks a task's question. */
export const TASK_STATE = "holdfast/task";

export const POLICIES: readonly unknown[] = ["required", "created", "optional", "none", "named"];

function checkPolicy<Policy>(policy: Policy): Policy {
  if (POLICIES.includes(policy)) return policy;
  throw new ToolMistake("session", `its function gives one of ${POLICIES.join(", ")}`);
}

/** @throws RequestError for the state of a round in another session */
function checkSession(earlier: string, id: string): void {
  if (id !== earlier) throw invalidState();
}

/** The scope of a key: the session; for a tool without one, the session that the caller's address or client names. */
function scopeOf(policy: SessionPolicy, call: Call, found: CurrentSession | undefined): string {
  if (policy === "optional" && call.session === undefined) return standing(call.caller);
  return found?.id ?? standing(call.caller);
}

/** The scope of a deletion's key, which does not go with the session: the session as the call names it. */
const scopeOfDeletion = ({ session, caller: { target, own } }: Call): string =>
  `deletion ${JSON.stringify([session ?? target ?? own ?? null])}`;

const standing = ({ target, own = "" }: Caller): string =>
  target === undefined ? own : "id" in target ? target.id : "";

async function resolve(
  policy: SessionPolicy,
  { caller, session, services: { resolver } }: Call,
): Promise<CurrentSession | undefined> {
  if (policy === "none" || policy === "named") return undefined;
  return policy === "optional" && session === undefined
    ? resolver.peek(caller)
    : resolver.resolve(caller, session);
}

/** True for a final result. After a question or a failure, a repeated call runs again. */
const isFinal = (result: Settled): boolean => !isQuestion(result) && result.isError !== true;

/** The created session, when neither the call nor its address nor the client's own id names the session. */
const openedIn = (
  { opened, session }: CurrentSession,
  { target, own }: Caller,
): OpenedSession | undefined =>
  opened && session !== undefined && target === undefined && own === undefined
    ? { name: session.name }
    : undefined;

function withoutSession(
  policy: SessionPolicy,
  { services, caller }: Call,
  id: string,
): CurrentSession | undefined {
  if (policy === "optional" || policy === "none" || policy === "named") return undefined;
  const fresh = policy === "created" ? services.resolver.fresh(caller, id) : undefined;
  if (fresh !== undefined) return fresh;
  throw new AppError("invalid", "This call names no session.", {
    hint: "Pass the argument `session` with an id from session_list, or start one with session_open.",
  });
}

/**
 * Runs `act` for at most `ms`. Its signal aborts after that time, and with the given signal.
 * @throws AppError `limit` after that time, even if `act` ignores its signal
 */
async function within<T>(
  ms: number | undefined,
  signal: AbortSignal,
  act: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  if (ms === undefined) return act(signal);
  const late = new AbortController();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new AppError("limit", `The tool took longer than its ${ms} ms and was stopped.`, {
      hint: "What it had done by then may stay done: look before calling it again.",
    });
    late.abort(error);
    reject(error);
  }, ms);
  const run = async (): Promise<T> => act(AbortSignal.any([signal, late.signal]));
  try {
    return await Promise.race([run(), over]);
  } finally {
    clearTimeout(timer);
  }
}

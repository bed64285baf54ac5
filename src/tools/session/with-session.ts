// Finds the session of a call, checks the caller's access, and passes the session to the handler.
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { CurrentSession } from "../../clients/session-resolver.ts";
import { ToolMistake } from "../../definitions/mistake.ts";
import type { PreparedSchema } from "../../definitions/schema.ts";
import { AppError } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import { invalidState } from "../../protocol/request-state.ts";
import type { Caller } from "../../sessions/session.ts";
import { isQuestion, isSettled, settle, settleNow, type Settled } from "../results.ts";
import { countCalls } from "./busy-calls.ts";
import { changesOf, idsFrom } from "./changes.ts";
import type {
  Call,
  OpenedSession,
  SessionPolicy,
  TaskMode,
  ToolContext,
  ToolResult,
} from "./context.ts";
import { doneOnce, type Handled, type HandlerRun } from "./once.ts";
import { OwnSessions } from "./own-sessions.ts";
import { type Run as ChangingRun, SessionHandle } from "./session-handle.ts";

type Handler<Input, Policy extends SessionPolicy> = (
  context: ToolContext<Input, Policy>,
) => ToolResult | Promise<ToolResult>;

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
  { output, timeoutMs, task: modeOf, prepare }: ResultOptions<Input> = {},
): (call: Call) => Promise<Settled> {
  return async (call) => {
    const { caller, services, channel, once, round, newSessionId } = call;
    const input = call.input as Input;
    const policy = typeof wanted === "function" ? checkPolicy(wanted(input)) : wanted;
    // A deletion that is repeated finds no session: what it had done then is looked up first.
    const deletes = once?.deletesSession === true;
    const found = deletes ? undefined : await resolve(policy, call);
    if (round?.session) checkSession(round.session, found?.id ?? newSessionId);

    const mode = call.task === undefined ? modeOf?.(input) : undefined;

    const handle = async (run: HandlerRun): Promise<Handled> => {
      const there = deletes ? await resolve(policy, call) : found;
      const current = there ?? withoutSession(policy, call, run.newSessionId);
      // Give the reserved id to the session that the call works in; further sessions get ids of their own.
      const spare = current === undefined || there !== undefined ? run.newSessionId : newId();
      // Skip completed changes only in built-in tools: a user's own tool reads its progress and goes on from there.
      const made = once?.changesOnly ? run.change : undefined;
      const change = changesOf(services.updates, caller, made);
      const changing = { caller, change, newId: idsFrom(spare) };
      if (current?.hasId) call.onSession(current.id);
      const { task } = call;
      if (task) current?.whenCreated(({ id }) => task.noteSession(id));
      const contextOf: ContextOf<Input, Policy> = (signal) =>
        contextFor(call, current, changing, signal);
      const left = services.runningCalls.enter(() => (current?.hasId ? current.id : undefined));
      let result: Settled;
      try {
        if (mode === undefined) {
          const returned = await perform(handler, call, contextOf, timeoutMs, run.signal);
          result = output ? await settle(returned, output) : settleNow(returned);
        } else {
          const ask = () => prepare?.(contextOf(run.signal) as never);
          result = await begin(call, { mode, run, there, prepare: ask });
        }
      } finally {
        left();
      }
      if (!current?.hasId) return { result, session: undefined };
      if (deletes) return { result, session: undefined, deleted: current.id };
      return { result, session: current.id, opened: openedIn(current, caller) };
    };

    const handled = await (once === undefined && round === undefined
      ? handle({ signal: channel.signal, newSessionId })
      : doneOnce(call, { found, policy, mode, handle }));
    const session = handled.session ?? handled.deleted;
    if (session !== undefined) call.onSession(session, handled.opened);
    // Settle results of an earlier version, which stored the handler's return value.
    return isSettled(handled.result) ? handled.result : settle(handled.result);
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
  const during = <T extends object>(object: T): T => (busy ? countCalls(object, busy) : object);
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
  timeoutMs: number | undefined,
  signal: AbortSignal,
) =>
  within(timeoutMs, signal, (limited) => {
    const context = contextOf(limited);
    if (task === undefined) return handler(context);
    const withTask = { ...context, task };
    return task.within(() => handler(withTask));
  });

interface Beginning {
  mode: TaskMode;
  run: HandlerRun;
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
  return beginTask({
    mode,
    // A repeated call finds the same task.
    id: begun ?? run.taskId ?? run.newSessionId,
    sessionId: there === undefined ? null : (await there.create()).id,
    signal: run.signal,
    isKeyed: once !== undefined,
    as: run.as ?? "first",
    async prepare() {
      const prepared = await settle(await prepare());
      const isAnswer = isQuestion(prepared) || (prepared as CallToolResult).isError === true;
      return isAnswer ? prepared : undefined;
    },
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

function resolve(
  policy: SessionPolicy,
  { caller, session, services: { resolver } }: Call,
): undefined | Promise<CurrentSession | undefined> {
  if (policy === "none" || policy === "named") return undefined;
  return policy === "optional" && session === undefined
    ? resolver.peek(caller)
    : resolver.resolve(caller, session);
}

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
function within<T>(
  ms: number | undefined,
  signal: AbortSignal,
  act: (signal: AbortSignal) => T | Promise<T>,
): T | Promise<T> {
  return ms === undefined ? act(signal) : limited(ms, signal, act);
}

async function limited<T>(
  ms: number,
  signal: AbortSignal,
  act: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
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

// Finds the session of a call, decides whether the caller may use it, and hands it to the handler.
import { AppError } from "../kernel/errors.ts";
import { newId } from "../kernel/ids.ts";
import { CurrentSession } from "../sessions/current.ts";
import type { Run } from "../sessions/keyed-calls.ts";
import type { Caller } from "../sessions/session.ts";
import { SESSIONS_URI } from "../sessions/uris.ts";
import { ToolMistake } from "./mistake.ts";
import { OwnSessions } from "./own-sessions.ts";
import { isQuestion, isSettled, settle, type Settled } from "./results.ts";
import type { PreparedSchema } from "./schema.ts";
import { newsOf, SessionHandle } from "./session-handle.ts";
import { within } from "./time-limit.ts";
import type { Call, SessionPolicy, ToolContext, ToolResult } from "./context.ts";

type Handler<Input, Policy extends SessionPolicy> = (
  context: ToolContext<Input, Policy>,
) => ToolResult | Promise<ToolResult>;

/** What a handler gave, and the session that it worked in. */
interface Handled {
  result: Settled;
  session: string | undefined;
}

/**
 * `handler` as a tool's `run`: with the call's session resolved by (principal, id), and done once when it has a key.
 * @throws AppError `not_found` or `invalid` with what to do next; ToolMistake for a result that cannot be sent
 */
export function withSession<Input, Policy extends SessionPolicy>(
  wanted: Policy | ((input: Input) => Policy),
  handler: Handler<Input, Policy>,
  {
    output,
    timeoutMs,
    readOnly = false,
  }: {
    output?: PreparedSchema | undefined;
    timeoutMs?: number | undefined;
    readOnly?: boolean;
  } = {},
): (call: Call) => Promise<Settled> {
  return async (call) => {
    const { caller, services, channel, once, newSessionId = newId() } = call;
    const input = call.input as Input;
    const policy = typeof wanted === "function" ? checkPolicy(wanted(input)) : wanted;
    const current = await resolve(policy, call, readOnly);

    const handle = async (run: Run): Promise<Handled> => {
      const session = current
        ? new SessionHandle(services, current, caller)
        : await withoutSession(policy, call, run.newSessionId);
      if (session !== undefined && current?.hasId !== false) call.onSession(session.id);
      try {
        const returned = await within(timeoutMs, run.signal, (signal) =>
          handler({
            ...channel,
            signal,
            input,
            session: session as ToolContext<Input, Policy>["session"],
            sessions: new OwnSessions(services, caller),
            principal: caller.principal,
          }),
        );
        const result = await settle(returned, output);
        if (session === undefined || current?.hasId === false)
          return { result, session: undefined };
        call.onSession(session.id);
        return { result, session: session.id };
      } catch (error) {
        // What was opened for this call and got nothing to keep goes again.
        if (current === undefined && session) await services.sessions.deleteEmpty(session.id);
        throw error;
      }
    };

    if (once === undefined) return (await handle({ signal: channel.signal, newSessionId })).result;
    const { repeatable, ...key } = once;
    const handled = (await services.keyedCalls.once(
      { owner: caller.principal.id, scope: current?.id ?? ownSession(caller), ...key },
      {
        signal: channel.signal,
        newSessionId,
        repeatable,
        run: async (run) => {
          const value = await handle(run);
          return { value, keep: isFinal(value.result) };
        },
      },
    )) as Handled;
    if (handled.session !== undefined) call.onSession(handled.session);
    // An earlier version kept what its handler had returned.
    return isSettled(handled.result) ? handled.result : settle(handled.result);
  };
}

export const POLICIES: readonly unknown[] = ["required", "created", "optional"];

function checkPolicy<Policy>(policy: Policy): Policy {
  if (POLICIES.includes(policy)) return policy;
  throw new ToolMistake("session", `its function gives one of ${POLICIES.join(", ")}`);
}

/** The session that a client would have, before it is there; empty for callers without one. */
const ownSession = ({ target, client }: Caller): string =>
  target === undefined && client !== undefined ? client.id : "";

const resolve = (
  policy: SessionPolicy,
  { caller, session, services: { resolver } }: Call,
  look: boolean,
): Promise<CurrentSession | undefined> =>
  policy === "optional" && session === undefined
    ? resolver.peek(caller)
    : resolver.resolve(caller, session, { look });

/** Neither a question to the caller nor a failure: a call that is repeated after those is done again. */
const isFinal = (result: Settled): boolean => !isQuestion(result) && result.isError !== true;

async function withoutSession(
  policy: SessionPolicy,
  { services, caller }: Call,
  id: string,
): Promise<SessionHandle | undefined> {
  if (policy === "optional") return undefined;
  if (policy === "required") {
    throw new AppError("invalid", "This call names no session.", {
      hint: "Pass the argument `session` with an id from session_list, or start one with session_open.",
    });
  }
  const session = await services.sessions.openOwn(caller.principal, id);
  await services.announcer.announce(newsOf(caller), [SESSIONS_URI]);
  return new SessionHandle(services, CurrentSession.of(session), caller);
}

// Finds the session of a call, decides whether the caller may use it, and hands it to the handler.
import { isInputRequiredResult } from "@modelcontextprotocol/server";
import { AppError } from "../kernel/errors.ts";
import { newId } from "../kernel/ids.ts";
import { CurrentSession } from "../sessions/current.ts";
import type { Run } from "../sessions/keyed-calls.ts";
import type { Caller } from "../sessions/session.ts";
import { SESSIONS_URI } from "../sessions/uris.ts";
import { OwnSessions } from "./own-sessions.ts";
import { newsOf, SessionHandle } from "./session-handle.ts";
import type { Call, SessionPolicy, ToolContext, ToolResult } from "./context.ts";

type Handler<Input, Policy extends SessionPolicy> = (
  context: ToolContext<Input, Policy>,
) => ToolResult | Promise<ToolResult>;

/** What a handler gave, and the session that it worked in. */
interface Handled {
  result: ToolResult;
  session: string | undefined;
}

/**
 * `handler` as a tool's `run`: with the call's session resolved by (principal, id), and done once when it has a key.
 * @throws AppError `not_found` or `invalid` with what to do next
 */
export function withSession<Input, Policy extends SessionPolicy>(
  wanted: Policy | ((input: Input) => Policy),
  handler: Handler<Input, Policy>,
): (call: Call) => Promise<ToolResult> {
  return async (call) => {
    const { caller, services, channel, once, newSessionId = newId() } = call;
    const { session: argument, ...input } = call.input;
    const policy = typeof wanted === "function" ? wanted(input as Input) : wanted;
    const current = await resolve(policy, call, argument as string | undefined);

    const handle = async (run: Run): Promise<Handled> => {
      const session = current
        ? new SessionHandle(services, current, caller)
        : await withoutSession(policy, call, run.newSessionId);
      if (session !== undefined) call.onSession(session.id);
      try {
        const result = await handler({
          ...channel,
          signal: run.signal,
          input: input as Input,
          session: session as ToolContext<Input, Policy>["session"],
          sessions: new OwnSessions(services, caller),
          principal: caller.principal,
        });
        return { result, session: session?.id };
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
    return handled.result;
  };
}

/** The session that a client would have, before it is there; empty for callers without one. */
const ownSession = ({ target, client }: Caller): string =>
  target === undefined && client !== undefined ? client.id : "";

const resolve = (
  policy: SessionPolicy,
  { caller, services: { resolver } }: Call,
  argument: string | undefined,
): Promise<CurrentSession | undefined> =>
  policy === "optional" && argument === undefined
    ? resolver.peek(caller)
    : resolver.resolve(caller, argument);

/** Neither a question to the caller nor a failure: a call that is repeated after those is done again. */
const isFinal = (result: ToolResult): boolean =>
  typeof result === "string" || (!isInputRequiredResult(result) && result["isError"] !== true);

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

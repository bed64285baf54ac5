// Finds the session of a call, decides whether the caller may use it, and hands it to the handler.
import { AppError } from "../kernel/errors.ts";
import { CurrentSession } from "../sessions/current.ts";
import { OwnSessions } from "./own-sessions.ts";
import { SessionHandle } from "./session-handle.ts";
import type { Call, SessionPolicy, ToolContext, ToolResult } from "./context.ts";

type Handler<Input, Policy extends SessionPolicy> = (
  context: ToolContext<Input, Policy>,
) => ToolResult | Promise<ToolResult>;

/**
 * `handler` as a tool's `run`: with the call's session resolved by (principal, id).
 * @throws AppError `not_found` or `invalid` with what to do next
 */
export function withSession<Input, Policy extends SessionPolicy>(
  policy: Policy,
  handler: Handler<Input, Policy>,
): (call: Call) => Promise<ToolResult> {
  return async (call) => {
    const { caller, services } = call;
    const { session: argument, ...input } = call.input;
    const { resolver } = services;
    const current =
      policy === "optional" && argument === undefined
        ? await resolver.peek(caller)
        : await resolver.resolve(caller, argument as string | undefined);
    const session = current
      ? new SessionHandle(services, current, caller)
      : await withoutSession(policy, call);
    if (session !== undefined) call.onSession(session.id);
    return handler({
      ...call.channel,
      input: input as Input,
      session: session as ToolContext<Input, Policy>["session"],
      sessions: new OwnSessions(services, caller.principal),
      principal: caller.principal,
      client: caller.client,
    });
  };
}

async function withoutSession(
  policy: SessionPolicy,
  { services, caller }: Call,
): Promise<SessionHandle | undefined> {
  if (policy === "optional") return undefined;
  if (policy === "required") {
    throw new AppError("invalid", "This call names no session.", {
      hint: "Pass the argument `session` with an id from session_list, or start one with session_open.",
    });
  }
  const { session } = await services.sessions.open(caller.principal);
  return new SessionHandle(services, CurrentSession.of(session), caller);
}

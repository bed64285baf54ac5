// What a task keeps of the call that began it, so that a later run, in another process, acts for the same caller.
import type { Credentials, Principal, Scope } from "../../auth/principal.ts";
import type { CallingProgram } from "../../definitions/request.ts";
import type { Caller, SessionTarget } from "../../sessions/session.ts";
import type { CallChannel } from "../session/context.ts";

export interface Rights {
  /** Null for an owner's rights. */
  scope: Scope | null;
  /** Null without authentication. Not the expiry of a token: the program renews it, and the work was allowed. */
  credentials: Omit<Credentials, "until"> | null;
}

export interface Origin extends Rights {
  target: SessionTarget | null;
  /** The id of the session that the task may have to open. */
  newSessionId: string;
  client: CallingProgram | null;
  /** The request's `_meta`. */
  meta: Readonly<Record<string, unknown>>;
  /** Answers that came before the task began. */
  inputResponses: Readonly<Record<string, unknown>> | null;
}

export const originOf = (
  { principal, target }: Caller,
  { client, request, inputResponses }: CallChannel,
  newSessionId: string,
): Origin => ({
  ...rightsOf(principal),
  target: target ?? null,
  newSessionId,
  client: client ?? null,
  meta: request.meta,
  inputResponses: inputResponses ?? null,
});

export const rightsOf = ({ scope, credentials }: Principal): Rights => ({
  scope: scope ?? null,
  credentials: credentials ? lasting(credentials) : null,
});

const lasting = ({ until: _, ...credentials }: Credentials): Omit<Credentials, "until"> =>
  credentials;

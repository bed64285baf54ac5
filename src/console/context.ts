// What all pages of the console share: the request's principal, the services, and the session that an address names.
import type { Socket } from "node:net";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import type { ApiKeys } from "../auth/api-keys.ts";
import type { AuditStore } from "../auth/audit.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { BrowserSessions } from "../auth/browser-sessions.ts";
import { type Passkeys, relyingParty, type RelyingParty } from "../auth/passkeys.ts";
import { may, type Principal } from "../auth/principal.ts";
import { CurrentSession } from "../clients/session-resolver.ts";
import type { SettingReport } from "../config/report.ts";
import type { FileImports } from "../imports/file-imports.ts";
import { AppError } from "../lib/errors.ts";
import { isId, newId } from "../lib/ids.ts";
import { textFault } from "../lib/text/text.ts";
import type { AuthorizationServer } from "../oauth/authorization-server.ts";
import type { Grants } from "../oauth/grants.ts";
import type { Session } from "../sessions/session.ts";
import type { ClientStore } from "../sessions/store.ts";
import { why } from "../telemetry/failures.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { CallActivity } from "../tools/call-activity.ts";
import { changesOf } from "../tools/session/changes.ts";
import { SessionHandle, type SessionServices } from "../tools/session/session-handle.ts";
import type { TaskAccess } from "../tools/tasks/task-access.ts";
import type { Transfer } from "../transfer/transfer.ts";
import type { Backups } from "./backups.ts";
import type { Health } from "./health.ts";
import type { Talks } from "./talks.ts";

export interface ConsoleEnv {
  Variables: {
    principal: Principal;
    /** Proof that a form comes from a page of this browser's session. */
    token: string;
    /** True if the browser has signed in; false on a server that asks nobody. */
    signedIn: boolean;
    /** What every page says first: see banner.ts. */
    banner: readonly string[];
  };
  /** `requestId`: id of the request in the log. */
  Bindings: HttpBindings & { requestId: string };
}

export type ConsoleContext = Context<ConsoleEnv>;

export interface ConsoleOptions {
  authenticator: Authenticator;
  browserSessions: BrowserSessions;
  passkeys: Passkeys;
  keys: ApiKeys;
  /** What people have granted to OAuth clients. */
  grants: Grants;
  /** Present if programs sign in here. */
  authorizationServer: AuthorizationServer | undefined;
  services: SessionServices;
  transfer: Transfer;
  /** Questions that pages have asked and that are being answered. */
  talks: Talks;
  /** Files that browsers bring in. */
  imports: FileImports;
  /** Calls of tools in this process. */
  calls: CallActivity;
  tasks: TaskAccess;
  /** Calls `listener` soon after something was stored, here or by another process. */
  watch(listener: () => void): Disposable;
  /** The clients that are connected now: see `ClientStore`. */
  connected: ClientStore["connected"];
  health: Health;
  /** Absent where none can be made from here. */
  backups: Backups | undefined;
  /** The settings with their origins; empty if the server was not started by the command. */
  settings: readonly SettingReport[];
  /** The audit, newest first. */
  audit: AuditStore["list"];
  /** Count the connection of a browser that has signed in as that of somebody known. */
  admit(socket: Socket): void;
  /** Address of `/mcp` for programs. */
  address(c: ConsoleContext): string;
  /** True with an issuer of access tokens: programs need no key. */
  hasIssuer: boolean;
  /** Addresses and names under which others than this machine reach the server. */
  openTo(): readonly string[];
  /** Public address of the server, if it is configured. */
  publicUrl: string | undefined;
  maxBodyBytes: number;
  maxUploadBytes: number;
  log: Logger;
}

/**
 * The session of that id, for reading. Looking at it is no use of it: it expires as before.
 * @throws AppError `not_found` also for a session of others
 */
export async function readSession(
  { services }: ConsoleOptions,
  principal: Principal,
  id: string,
): Promise<Session> {
  const session = isId(id) ? await services.sessions.look(principal, id) : undefined;
  if (session === undefined) throw noSuchSession();
  return session;
}

/**
 * The session of that id, for changing, marked as active: it expires as late as after a call of a program.
 * @throws AppError `not_found` also for a session of others
 */
export async function sessionToChange(
  options: ConsoleOptions,
  principal: Principal,
  id: string,
): Promise<SessionHandle> {
  const session = await options.services.sessions.find(principal, { id });
  if (session === undefined) throw noSuchSession();
  return handleOf(options, principal, session);
}

/** The session with the operations of tools on it. */
export function handleOf(
  { services }: ConsoleOptions,
  principal: Principal,
  session: Session,
): SessionHandle {
  const caller = { principal };
  const change = changesOf(services.updates, caller);
  return new SessionHandle(services, CurrentSession.of(session), { caller, change, newId });
}

const noSuchSession = (): AppError =>
  new AppError("not_found", "There is no such conversation, or it has expired.");

/** The site of this server's passkeys, which a proxy's address may hide; undefined where there can be none. */
export const siteOf = (
  c: ConsoleContext,
  { publicUrl }: Pick<ConsoleOptions, "publicUrl">,
): RelyingParty | undefined => relyingParty(new URL(publicUrl ?? c.req.url));

/** @throws AppError `forbidden` for a sign-in that may only read */
export function checkMayWrite(c: ConsoleContext): void {
  if (!may(c.get("principal"), "write"))
    throw new AppError("forbidden", "This sign-in may only read.");
}

/** @throws AppError `forbidden` for all but the operator */
export function checkIsOperator(c: ConsoleContext): void {
  if (!may(c.get("principal"), "admin"))
    throw new AppError("forbidden", "This page is the operator's: it needs the scope admin.");
}

/** True if this browser may change the session: by the session's share and by the scope of its sign-in. */
export const isChangeable = (c: ConsoleContext, { access }: Session): boolean =>
  access !== "read" && may(c.get("principal"), "write");

/** Write a failure that no page can show any more into the log. */
export const logFailed = ({ log }: Pick<ConsoleOptions, "log">, error: unknown): void =>
  log.error(why(error), "an export was not finished");

/** The text of a form's field; "" for a missing one. @throws AppError `invalid` for text that cannot be stored */
export async function formOf(c: ConsoleContext): Promise<(name: string) => string> {
  const form = await c.req.formData();
  return (name) => {
    const value = form.get(name);
    if (typeof value !== "string") return "";
    const odd = textFault(value);
    if (odd !== undefined) throw new AppError("invalid", `${name} ${odd}`);
    return value.replaceAll("\r\n", "\n"); // as browsers send line breaks
  };
}

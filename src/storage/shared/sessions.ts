// Rules of sessions, of their list and of their shares that hold on every engine.
import { z } from "zod";
import type { ApiKey } from "../../auth/api-keys.ts";
import type { Credentials } from "../../auth/principal.ts";
import { AppError } from "../../lib/errors.ts";
import type { Session } from "../../sessions/session.ts";
import type { Grant, OfferLimits } from "../../sessions/store.ts";

/** Default fields of a new session. */
export const BLANK_SESSION = {
  ...{ name: null, title: null, system: null },
  ...{ keepMs: null, openedBy: null },
};

/**
 * A pattern for a comparison that knows no letters but ASCII's: every text fits that contains these lower-case letters in
 * any case, and few others do. The database compares by it at no cost, and the rest exactly.
 */
export const likePattern = (query: string): string => {
  const letters = Array.from(query).slice(0, MAX_LIKE_LETTERS);
  return `%${letters.map(likeLetter).join("")}%`;
};

/** Databases refuse very long patterns. */
const MAX_LIKE_LETTERS = 200;

function likeLetter(letter: string): string {
  if ("%_\\".includes(letter)) return `\\${letter}`;
  if (letter === "\u0307") return "%"; // the lower case of "İ" has it besides "i"
  if ("ki".includes(letter)) return "_"; // also of "İ" and of the Kelvin sign
  return letter <= "~" || letter.toUpperCase() === letter ? letter : "_";
}

/** Bytes of the fields that an update may enlarge. */
export const bytesOfFields = ({ name, title, system }: Session): number =>
  Buffer.byteLength(`${name ?? ""}${title ?? ""}${system ?? ""}`);

export const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;

export const noSuchSession = (): AppError => new AppError("not_found", "No such session.");

export const deletedMeanwhile = (): AppError =>
  new AppError("not_found", "That session was deleted meanwhile.");

export const sharedNoLonger = (): AppError =>
  new AppError("not_found", "There is no such session: it may be shared no longer.");

/** The rows that credentials rest on, where they name them. */
interface CredentialRows {
  key: Pick<ApiKey, "revokedAt" | "expiresAt"> | undefined;
  passkey: object | undefined;
  grant: { expiresAt: number } | undefined;
}

/** @throws AppError `forbidden` for credentials that have ended, by themselves or with what they rest on */
export function checkCredentialsHold(
  { until = Infinity, ...names }: Partial<Credentials>,
  { key, passkey, grant }: CredentialRows,
  now: number,
): void {
  const keyHolds =
    names.key === undefined || (key?.revokedAt === null && (key.expiresAt ?? Infinity) > now);
  const passkeyHolds = names.passkey === undefined || passkey !== undefined;
  const grantHolds = names.grant === undefined || (grant !== undefined && grant.expiresAt > now);
  if (!keyHolds || !passkeyHolds || !grantHolds || until <= now)
    throw new AppError("forbidden", "Your credentials have ended: nothing was changed.");
}

export const runLost = (): AppError =>
  new AppError("interrupted", "Another process runs this task now: nothing was changed.");

export const nameTaken = (name: string): AppError =>
  new AppError("conflict", `Another session has the name ${JSON.stringify(name)}.`);

export const beingAnswered = (): AppError =>
  new AppError("busy", "A question is being answered in this session.", {
    hint: "Try again in a moment.",
  });

const LIMIT = { hint: "The setting max-sessions allows more." };

export const youHaveTooMany = (max: number): AppError =>
  new AppError("limit", `You have ${max} sessions: delete some first.`, LIMIT);

export const ownerHasTooMany = (max: number): AppError =>
  new AppError("limit", `The owner has ${max} sessions: delete some first.`, LIMIT);

export const takerHasTooMany = (owner: string, max: number): AppError =>
  new AppError("limit", `${owner} has ${max} sessions already.`, LIMIT);

/** Characters of a first message that stands for a title. */
export const OPENING = 200;

/** The last activity and the id of the session that a page ended with; own sessions come before shared ones. */
export const Position = z.union([
  z.tuple([z.int(), z.string()]),
  z.tuple([z.int(), z.string(), z.literal(1)]),
]);
export type Position = z.output<typeof Position>;

export const START: Position = [Number.MAX_SAFE_INTEGER, ""];

/** Marked if the session is among those that others share. */
export const positionOf = (
  { lastActiveAt, id, owner }: Session,
  whose: string | undefined,
): Position =>
  whose === undefined || owner === whose ? [lastActiveAt, id] : [lastActiveAt, id, 1];

export const byPrincipal = (a: Grant, b: Grant): number => (a.principal < b.principal ? -1 : 1);

/** `count`: shares of one session. @throws AppError `limit` */
export function checkShares(count: number, max: number): void {
  if (count > max)
    throw new AppError("limit", `A session can be shared with at most ${max} principals.`);
}

/** `counts`: pending offers. @throws AppError `limit` */
export function checkOffers(principal: string, counts: OfferLimits, limits: OfferLimits): void {
  const whose = {
    between: `for ${principal}`,
    ofGiver: "of yours",
    ofTaker: `for ${principal}, of everybody`,
  } as const;
  for (const kind of ["between", "ofGiver", "ofTaker"] as const)
    if (counts[kind] > limits[kind])
      throw new AppError(
        "limit",
        `At most ${limits[kind]} shares ${whose[kind]} can wait to be accepted.`,
        {
          hint: "Ask the other side to accept or to leave some, or take some back with session_unshare.",
        },
      );
}

/** `count`: shares that a principal has accepted. @throws AppError `limit` */
export function checkTaken(count: number, max: number): void {
  if (count >= max)
    throw new AppError("limit", `You have accepted ${max} shares: leave some first.`, {
      hint: "session_leave gives one back.",
    });
}

// Rules of sessions that hold on every engine.
import { AppError } from "../../lib/errors.ts";
import type { Session } from "../../sessions/session.ts";

/** Default fields of a new session. */
export const BLANK_SESSION = {
  ...{ name: null, title: null, system: null },
  ...{ keepMs: null, openedBy: null },
};

/** Bytes of the fields that an update may enlarge. */
export const bytesOfFields = ({ name, title, system }: Session): number =>
  Buffer.byteLength(`${name ?? ""}${title ?? ""}${system ?? ""}`);

export const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;

export const noSuchSession = (): AppError => new AppError("not_found", "No such session.");

export const deletedMeanwhile = (): AppError =>
  new AppError("not_found", "That session was deleted meanwhile.");

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

// Refusals of exports and imports that are the same on every engine.
import { AppError } from "../../lib/errors.ts";

export const idTaken = (): AppError => new AppError("conflict", "The id of this session is taken.");

export const changedMeanwhile = (): AppError =>
  new AppError("conflict", "The session was changed while it was being imported.");

export const importLost = (): AppError =>
  new AppError("busy", "A cleanup came between the parts of the session.", { hint: "Try again." });

/** Maximum pause of a reader: an open snapshot keeps the database from tidying up. */
export const MAX_IDLE_MS = 60_000;

export const notTaken = (): AppError =>
  new AppError("busy", "Nobody has read on for a minute: the database was let go.", {
    hint: "Begin again, or write to a file.",
  });

// Places in the list of sessions, as its cursors tell them.
import { z } from "zod";
import type { Session } from "../../sessions/session.ts";

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

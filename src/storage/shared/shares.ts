// Limits on shares that hold on every engine.
import { AppError } from "../../lib/errors.ts";
import type { Grant, OfferLimits } from "../../sessions/store.ts";

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

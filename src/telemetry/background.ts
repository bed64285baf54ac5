// Logs failures of work in the background. A full disk fails each heartbeat: the same reason is logged once per
// interval.
import type { Clock } from "../lib/clock.ts";
import { reasonOf, why } from "./failures.ts";
import type { Logger } from "./logger.ts";

/** Time after which the same reason is logged again. */
const AGAIN_MS = 600_000;

/** A function that logs a failure at `warn`; `again` counts the repeats of the reason since its last line. */
export function backgroundFailures(log: Logger, clock: Clock): (error: unknown) => void {
  let last: { reason: string; at: number; again: number } | undefined;
  return (error) => {
    const reason = reasonOf(error);
    const now = clock.monotonic();
    const isSame = last?.reason === reason;
    if (isSame && now - last!.at < AGAIN_MS) return void (last!.again += 1);
    const again = isSame && last!.again > 0 ? last!.again : undefined;
    log.warn({ ...why(error), again }, "background work failed");
    last = { reason, at: now, again: 0 };
  };
}

// Failures of work that nobody waits for. A full disk fails each heartbeat: its reason is told once, and then now and then.
import type { Clock } from "../lib/clock.ts";
import { reasonOf, why } from "./failures.ts";
import type { Logger } from "./logger.ts";

/** The same reason is told again after so long. */
const AGAIN_MS = 600_000;

/** What tells the log, at `warn`; `again` says how often the reason came up since the last line about it. */
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

// What pages listen to while they are open: which of their parts have changed. See streams.ts.
import type { Hono } from "hono";
import type { Principal } from "../../auth/principal.ts";
import { AppError } from "../../lib/errors.ts";
import type { ConsoleEnv, ConsoleOptions } from "../context.ts";
import { activityRevision } from "../pages/activity.ts";
import { connectedRevision } from "../pages/connect.ts";
import { backupsRevision } from "../pages/health.ts";
import { importRevision } from "../pages/import.ts";
import { sessionRevision } from "../pages/session.ts";
import { browserOf, secretOf } from "../sign-in.ts";
import type { LiveStreams, Pace } from "./streams.ts";

/** Parts of one page. */
const MAX_PARTS = 4;

/**
 * A text that differs after each change of what the page shows, and tells the principal nothing else.
 * @throws AppError `not_found` for what the principal does not see
 */
type Revision = (
  options: ConsoleOptions,
  principal: Principal,
  rest: readonly string[],
) => Promise<string> | string;

interface Part {
  revision: Revision;
  pace: Pace;
}

const PARTS: Readonly<Record<string, Part>> = {
  session: { revision: sessionRevision, pace: { pauseMs: 500, everyMs: 5_000 } },
  activity: { revision: activityRevision, pace: { pauseMs: 1_500, everyMs: 5_000 } },
  connected: { revision: connectedRevision, pace: { pauseMs: 500, everyMs: 5_000 } },
  import: { revision: importRevision, pace: { pauseMs: 500, everyMs: 5_000 } },
  // Nothing wakes this.
  backups: { revision: backupsRevision, pace: { pauseMs: 500, everyMs: 1_000 } },
};

/** `/console/live?part=session/ID&part=activity` */
export function liveRoute(
  app: Hono<ConsoleEnv>,
  options: ConsoleOptions,
  streams: LiveStreams,
): void {
  app.get("/live", (c) => {
    const asked = [...new Set(c.req.queries("part"))].map((part) => ({ part, ...partOf(part) }));
    if (asked.length === 0 || asked.length > MAX_PARTS)
      throw new AppError("invalid", `A page has one to ${MAX_PARTS} live parts.`);
    const secret = secretOf(c);
    const body = streams.open({
      principal: c.get("principal").id,
      browser: c.get("token"),
      pace: {
        pauseMs: Math.min(...asked.map(({ pace }) => pace.pauseMs)),
        everyMs: Math.min(...asked.map(({ pace }) => pace.everyMs)),
      },
      look: async () => {
        const browser = await browserOf(options, secret);
        if (browser === undefined) return undefined;
        const found = asked.map(async ({ part, revision, rest }) => {
          const text = seen(async () => revision(options, browser.principal, rest));
          return [part, await text] as const;
        });
        return new Map(await Promise.all(found));
      },
    });
    // One too many: the page asks now and then. A refusal would look like an attack.
    if (body === undefined) return c.body(null, 204);
    return c.body(body, 200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
  });
}

function partOf(part: string): Part & { rest: readonly string[] } {
  const [kind = "", ...rest] = part.split("/");
  const known = Object.hasOwn(PARTS, kind) ? PARTS[kind] : undefined;
  if (known === undefined) throw new AppError("invalid", "No page has this part.");
  return { ...known, rest };
}

/** What is not there, or not any more, is one more thing to see. */
async function seen(revision: () => Promise<string>): Promise<string> {
  try {
    return await revision();
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return "";
    throw error;
  }
}

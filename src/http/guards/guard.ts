// A guard looks at a request before its handler does. Which there are: guards.ts, limits.ts, authenticate.ts.
import type { HttpBindings } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import type { AuthInfo, Principal } from "../../auth/principal.ts";

/** What later guards and handlers find in the context. */
export interface Authenticated {
  Variables: { requestId: string; principal: Principal; admission: AuthInfo };
  Bindings: HttpBindings;
}

/** What it gives back is the answer instead. */
export type Guard = (
  c: Context<Authenticated>,
) => Response | undefined | Promise<Response | undefined>;

/**
 * Requests that come in during one turn of the event loop go on together when it ends: each step is then taken for all of
 * them before the next one, which is cheap, and their answers leave together, so that whoever waits for them is woken
 * once. One alone waits until the rest of its turn is done, which is next to nothing.
 */
export const together = (): Guard => {
  let turn: Promise<undefined> | undefined;
  return () =>
    (turn ??= new Promise((resolve) => {
      setImmediate(() => {
        turn = undefined;
        resolve(undefined);
      });
    }));
};

/** Asks these in turn. One middleware for all of them: Hono's own chain costs more than most guards do. */
export const guarded =
  (...guards: readonly Guard[]): MiddlewareHandler<Authenticated> =>
  async (c, next) => {
    for (const guard of guards) {
      const verdict = guard(c);
      const refusal = verdict instanceof Promise ? await verdict : verdict;
      if (refusal !== undefined) return refusal;
    }
    return next();
  };

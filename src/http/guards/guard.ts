// A guard checks a request before its handler runs.
import type { HttpBindings } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import type { AuthInfo, Principal } from "../../auth/principal.ts";

/** Values that guards leave in the context for later guards and handlers. */
export interface Authenticated {
  Variables: { requestId: string; principal: Principal; admission: AuthInfo };
  Bindings: HttpBindings;
}

/** A header as Node has read it, which the Fetch API would do again. Of some, such as Host, Node drops all but the first. */
export const sent = (c: Context<Authenticated>, name: string): string | undefined =>
  c.env.incoming.headers[name] as string | undefined;

/** A thrown error ends the request. */
export type Guard = (c: Context<Authenticated>) => void | Promise<void>;

/**
 * Let requests of one turn of the event loop go on together at its end. Each step then runs for all of them before the
 * next one, which is cheap, and their answers leave together, which wakes a waiting client once. A single request waits
 * only for the rest of its turn.
 */
export const together = (): Guard => {
  let turn: Promise<void> | undefined;
  return () =>
    (turn ??= new Promise((resolve) => {
      setImmediate(() => {
        turn = undefined;
        resolve();
      });
    }));
};

/** Run guards in order, then `act`. */
export async function pass<T>(
  c: Context<Authenticated>,
  guards: readonly Guard[],
  act: () => Promise<T>,
): Promise<T> {
  for (const guard of guards) {
    const checked = guard(c);
    if (checked instanceof Promise) await checked;
  }
  return act();
}

/** Guards as one middleware: Hono's own chain costs more than most guards do. */
export const guarded =
  (...guards: readonly Guard[]): MiddlewareHandler<Authenticated> =>
  (c, next) =>
    pass(c, guards, next);

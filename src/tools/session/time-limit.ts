// How long a tool may take, where its definition says so.
import { AppError } from "../../lib/errors.ts";

/**
 * What `act` gives within `ms`; its signal is aborted after that, and with the signal it is given.
 * @throws AppError `limit` when it took longer, whether it has noticed or not
 */
export async function within<T>(
  ms: number | undefined,
  signal: AbortSignal,
  act: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  if (ms === undefined) return act(signal);
  const late = new AbortController();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new AppError("limit", `The tool took longer than its ${ms} ms and was stopped.`, {
      hint: "What it had done by then may stay done: look before calling it again.",
    });
    late.abort(error);
    reject(error);
  }, ms);
  const run = async (): Promise<T> => act(AbortSignal.any([signal, late.signal]));
  try {
    return await Promise.race([run(), over]);
  } finally {
    clearTimeout(timer);
  }
}

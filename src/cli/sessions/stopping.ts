// Ctrl+C in the middle of something long: it ends at the next good place, and takes its temporary files with it.
import { AppError } from "../../lib/errors.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Aborted, with an error that says so, when somebody stops the command. A second Ctrl+C ends it at once. */
export function stopSignal(terminal: Terminal, hint: string): AbortSignal {
  const stopping = new AbortController();
  terminal.onStop(() => {
    stopping.abort(new AppError("unavailable", "Stopped before the end.", { hint }));
    return Promise.resolve();
  });
  return stopping.signal;
}

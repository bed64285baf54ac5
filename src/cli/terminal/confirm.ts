// A question before what cannot be undone.
import { createInterface } from "node:readline/promises";
import { CommanderError } from "commander";
import { AppError } from "../../lib/errors.ts";
import type { Terminal } from "./terminal.ts";

/** Whether somebody sits there who can be asked. */
export const canAsk = ({ input }: Pick<Terminal, "input">): boolean => input.isTTY === true;

/**
 * Resolves to whether the answer was yes. `refusal` says what does not happen otherwise: "Nothing was deleted".
 * @throws CommanderError, which ends the program with 130, at Ctrl+C, at the end of the input (Ctrl+D), and at a signal
 * @throws AppError `start` where nobody can be asked
 */
export async function confirm(
  terminal: Terminal,
  question: string,
  refusal: string,
): Promise<boolean> {
  if (!canAsk(terminal))
    throw new AppError("start", `${refusal}: there is no terminal to ask at.`, {
      hint: "--yes skips the question.",
    });
  const asking = createInterface({ input: terminal.input, output: terminal.errors });
  const left = Promise.withResolvers<never>();
  left.promise.catch(() => undefined); // looked at below, if it is in time
  const leave = (): void => left.reject(new CommanderError(130, "interrupted", refusal));
  // A reader that is closed never settles its question.
  asking.once("SIGINT", leave).once("close", leave);
  terminal.onStop(() => Promise.resolve(leave()));
  try {
    const answer = await Promise.race([asking.question(`${question} [y/N] `), left.promise]);
    return /^\s*y(es)?\s*$/i.test(answer);
  } catch (error) {
    terminal.warn(`\n${refusal}.`); // the question's line has no end yet
    throw error;
  } finally {
    asking.close();
  }
}

// A question before what cannot be undone.
import { createInterface } from "node:readline/promises";
import { CommanderError } from "commander";
import { AppError } from "../kernel/errors.ts";
import type { Terminal } from "./terminal.ts";

/** Whether somebody sits there who can be asked. */
export const canAsk = ({ input }: Pick<Terminal, "input">): boolean => input.isTTY === true;

/**
 * Resolves to whether the answer was yes.
 * @throws CommanderError, which ends the program with 130, at Ctrl+C, at the end of the input (Ctrl+D), and at a signal
 */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  const asking = createInterface({ input: terminal.input, output: terminal.errors });
  const left = Promise.withResolvers<never>();
  left.promise.catch(() => undefined); // looked at below, if it is in time
  const leave = (): void =>
    left.reject(new CommanderError(130, "interrupted", "Nothing was done."));
  // A reader that is closed never settles its question.
  asking.once("SIGINT", leave).once("close", leave);
  terminal.onStop(() => Promise.resolve(leave()));
  try {
    const answer = await Promise.race([asking.question(`${question} [y/N] `), left.promise]);
    return /^\s*y(es)?\s*$/i.test(answer);
  } catch (error) {
    terminal.warn(""); // the question's line has no end yet
    throw error;
  } finally {
    asking.close();
  }
}

/** As `confirm`, for what deletes. @throws AppError `start` where nobody can be asked */
export async function confirmDeletion(terminal: Terminal, question: string): Promise<boolean> {
  if (canAsk(terminal)) {
    try {
      return await confirm(terminal, question);
    } catch (error) {
      terminal.warn("Nothing was deleted.");
      throw error;
    }
  }
  throw new AppError("start", "Nothing was deleted: nobody is there to be asked.", {
    hint: "--yes deletes without asking.",
  });
}

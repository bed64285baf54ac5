// Asks before an action that cannot be undone, and for what a command needs to know.
import { createInterface } from "node:readline/promises";
import { CommanderError } from "commander";
import { AppError } from "../../lib/errors.ts";
import type { Terminal } from "./terminal.ts";

/** True if a person sits at the terminal. */
export const canAsk = ({ input }: Pick<Terminal, "input">): boolean => input.isTTY === true;

/**
 * Ask the question; resolves to true for yes. `refusal`: the sentence for any other answer, such as "Nothing was
 * deleted".
 * @throws CommanderError, which ends the program with 130, at Ctrl+C, at the end of the input (Ctrl+D), and at a signal
 * @throws AppError `start` without a terminal to ask at
 */
export async function confirm(
  terminal: Terminal,
  question: string,
  refusal: string,
): Promise<boolean> {
  const answer = await ask(terminal, `${question} [y/N] `, {
    refusal,
    hint: "--yes skips the question.",
  });
  return /^\s*y(es)?\s*$/i.test(answer);
}

/** Ask for a line of text. Throws as `confirm` does; `hint`: what to do without a terminal. */
export async function ask(
  terminal: Terminal,
  question: string,
  { refusal, hint }: { refusal: string; hint: string },
): Promise<string> {
  if (!canAsk(terminal))
    throw new AppError("start", `${refusal}: there is no terminal to ask at.`, { hint });
  const asking = createInterface({ input: terminal.input, output: terminal.errors });
  const left = Promise.withResolvers<never>();
  left.promise.catch(() => undefined); // awaited below, unless it comes too late
  const leave = (): void => left.reject(new CommanderError(130, "interrupted", refusal));
  // Settle the question when the reader closes: it would stay open forever.
  asking.once("SIGINT", leave).once("close", leave);
  terminal.onStop(() => Promise.resolve(leave()));
  try {
    return await Promise.race([asking.question(question), left.promise]);
  } catch (error) {
    terminal.warn(`\n${refusal}.`); // end the line of the question
    throw error;
  } finally {
    asking.close();
  }
}

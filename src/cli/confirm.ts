// A question before what cannot be undone.
import { createInterface } from "node:readline/promises";
import { AppError } from "../kernel/errors.ts";
import type { Terminal } from "./terminal.ts";

/** Whether somebody sits there who can be asked. */
export const canAsk = ({ input }: Pick<Terminal, "input">): boolean => input.isTTY === true;

/** Resolves to whether the answer was yes. */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  const asking = createInterface({ input: terminal.input, output: terminal.errors });
  try {
    return /^\s*y(es)?\s*$/i.test(await asking.question(`${question} [y/N] `));
  } finally {
    asking.close();
  }
}

/** As `confirm`, for what deletes. @throws AppError `start` where nobody can be asked */
export function confirmDeletion(terminal: Terminal, question: string): Promise<boolean> {
  if (canAsk(terminal)) return confirm(terminal, question);
  throw new AppError("start", "Nothing was deleted: nobody is there to be asked.", {
    hint: "--yes deletes without asking.",
  });
}

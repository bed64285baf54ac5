// Somebody at a terminal, for commands that run inside the test's own process.
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type { Terminal } from "../../src/cli/terminal/terminal.ts";

export interface Sitting {
  terminal: Terminal;
  /** The text on standard output, and on standard error. */
  output(): Promise<string>;
  errors(): Promise<string>;
}

/** `types`: what is entered. Not a terminal, but a pipe, unless it has `columns`. */
export function sitting({
  types = "",
  columns,
}: { types?: string; columns?: number } = {}): Sitting {
  const tty = columns === undefined ? {} : { isTTY: true, columns };
  const [input, output, errors] = [PassThrough, PassThrough, PassThrough].map((Stream) =>
    Object.assign(new Stream(), tty),
  ) as [PassThrough, PassThrough, PassThrough];
  input.end(types);
  const [said, warned] = [text(output), text(errors)];
  return {
    terminal: {
      ...{ input, output, errors },
      print: (line) => void output.write(`${line}\n`),
      warn: (line) => void errors.write(`${line}\n`),
      setExitCode: () => undefined,
      onStop: () => undefined,
    },
    output: () => (output.end(), said),
    errors: () => (errors.end(), warned),
  };
}

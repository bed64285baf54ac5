#!/usr/bin/env node
// From the command line to a command; the only place that handles signals and ends the process.
import { CommanderError } from "commander";
import { createProgram, withDefaultCommand } from "./cli/program.ts";
import type { Terminal } from "./cli/terminal.ts";
import { AppError } from "./kernel/errors.ts";

let exitCode = 0;

const terminal: Terminal = {
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
  get input() {
    return process.stdin; // opened when it is asked for
  },
  output: process.stdout,
  errors: process.stderr,
  findFault: () => void (exitCode = 1),
  onStop(stop) {
    const signals = ["SIGINT", "SIGTERM"] as const;
    let asked = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (asked) process.exit(130); // asked twice: at once
        asked = true;
        stop().catch(fail);
      });
    }
  },
};

/** Resolves when a reader of standard output has everything, however slow it is. */
const flushed = (): Promise<void> =>
  new Promise((resolve) => process.stdout.write("", () => resolve()));

function fail(error: unknown): never {
  if (error instanceof CommanderError) process.exit(error.exitCode);
  if (error instanceof AppError) {
    for (const line of error.advice.split("\n")) terminal.warn(`holdfast: ${line}`);
    process.exit(1);
  }
  console.error(error);
  process.exit(70);
}

// A reader that went away (`holdfast | head`) is no reason for a server to die.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

// A tool that forgets to await must not take the server, and so everybody's calls, with it.
process.on("unhandledRejection", (reason) => {
  terminal.warn(`holdfast: a promise was rejected and nobody looked: ${String(reason)}`);
});

try {
  await createProgram(terminal).parseAsync(withDefaultCommand(process.argv.slice(2)), {
    from: "user",
  });
  await flushed();
  process.exit(exitCode);
} catch (error) {
  fail(error);
}

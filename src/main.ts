#!/usr/bin/env node
// From the command line to a command; the only place that handles signals and ends the process.
import { CommanderError } from "commander";
import { createProgram, withDefaultCommand } from "./cli/program.ts";
import type { Terminal } from "./cli/terminal/terminal.ts";
import { AppError } from "./lib/errors.ts";
import { systemReason } from "./lib/system-errors.ts";
import { runningTool } from "./definitions/running.ts";

let exitCode = 0;

/** The program's own: while it speaks MCP there, tools that write to `process.stdout` mean another stream. */
const { stdout } = process;

const terminal: Terminal = {
  print: (line) => stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
  get input() {
    return process.stdin; // opened when it is asked for
  },
  output: stdout,
  errors: process.stderr,
  setExitCode: () => void (exitCode = 1),
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

/** Resolves when a reader of standard output has everything, however slow it is; a failure has been told by then. */
const flushed = (): Promise<void> =>
  new Promise((resolve) => {
    if (stdout.writableLength === 0) setImmediate(resolve);
    else stdout.write("", () => setImmediate(resolve));
  });

/** Ends the process. What could not be written is a failure, also of a command that did its work. */
async function end(code: number): Promise<never> {
  await flushed();
  process.exit(code || exitCode);
}

function fail(error: unknown): Promise<never> {
  if (error instanceof CommanderError) return end(error.exitCode);
  if (error instanceof AppError) {
    for (const line of error.localAdvice.split("\n")) terminal.warn(`holdfast: ${line}`);
    return end(1);
  }
  console.error(error);
  return end(70);
}

let outputFailed = false;

// A reader that went away (`holdfast | head`) is no reason for a server to die, nor is a full disk behind its output.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE" || outputFailed) return;
  outputFailed = true;
  exitCode = 1;
  terminal.warn(
    `holdfast: standard output cannot be written: ${systemReason(error) ?? "unknown"}.`,
  );
});

// Nobody can be told.
process.stderr.on("error", () => undefined);

// What a tool left behind must not take the server, and so everybody's calls, with it: it had no part of the server's own
// state in its hands. A throw of the program's own may have left that half changed: it ends, and the next start recovers.
process.on("uncaughtException", (error) => {
  if (runningTool() === undefined) return void fail(error);
  tellOfTool(error, "a tool threw outside of a call");
});
// A promise that was rejected left nothing half done, whoever forgot to look at it.
process.on("unhandledRejection", (reason) =>
  tellOfTool(reason, "a promise was rejected and nobody looked"),
);

function tellOfTool(err: unknown, message: string): void {
  const tool = runningTool();
  void import("./telemetry/logger.ts").then(({ createLogger }) =>
    createLogger("error").error({ tool, err }, message),
  );
}

try {
  const program = createProgram(terminal);
  const commands = program.commands.map((command) => command.name());
  await program.parseAsync(withDefaultCommand(process.argv.slice(2), commands), { from: "user" });
  await end(0);
} catch (error) {
  await fail(error);
}

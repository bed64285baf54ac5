#!/usr/bin/env node
// Runs the command that the command line names; the only place that handles signals and ends the process.
import { syncBuiltinESMExports } from "node:module";
import { reportFailure, runCommand } from "./cli/run.ts";
import type { Terminal } from "./cli/terminal/terminal.ts";
import { runningTool } from "./definitions/running.ts";
import { systemReason } from "./lib/system-errors.ts";

let exitCode = 0;

const exit = process.exit.bind(process);
// A tool's file that gives up, such as for a missing variable, ends neither the server nor the others' calls.
process.exit = (code) => {
  if (runningTool() === undefined) return exit(code);
  throw new Error(`it called process.exit(${code ?? ""}), which would end the server`);
};
syncBuiltinESMExports();

/** Standard output for MCP: `process.stdout` becomes another stream for tools that write to it. */
const { stdout } = process;

const terminal: Terminal = {
  print: (line) => stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
  get input() {
    return process.stdin; // open standard input only on use
  },
  output: stdout,
  errors: process.stderr,
  setExitCode: () => void (exitCode = 1),
  onStop(stop) {
    const signals = ["SIGINT", "SIGTERM"] as const;
    let asked = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (asked) exit(130); // a second signal ends the process at once
        asked = true;
        stop().catch(fail);
      });
    }
  },
};

/** Resolves when standard output is written, however slow its reader; a failure has been reported by then. */
const flushed = (): Promise<void> =>
  new Promise((resolve) => {
    if (stdout.writableLength === 0) setImmediate(resolve);
    else stdout.write("", () => setImmediate(resolve));
  });

/** End the process. Unwritten output is a failure, even if the command did its work. */
async function end(code: number): Promise<never> {
  await flushed();
  return exit(code || exitCode);
}

function fail(error: unknown): Promise<never> {
  const code = reportFailure(error, terminal);
  if (code !== undefined) return end(code);
  console.error(error);
  return end(70);
}

let outputFailed = false;

// Survive a reader that closes the pipe (`holdfast | head`), and a full disk behind the output.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE" || outputFailed) return;
  outputFailed = true;
  exitCode = 1;
  terminal.warn(
    `holdfast: standard output cannot be written: ${systemReason(error) ?? "unknown"}.`,
  );
});

// Ignore: no stream is left to report it on.
process.stderr.on("error", () => undefined);

// Survive an error in a tool's leftover timer or callback: it cannot touch the server's own state. Stop at an error of
// our own, which may leave state half changed; the next start recovers.
process.on("uncaughtException", (error) => {
  if (runningTool() === undefined) return void fail(error);
  tellOfTool(error, "a tool threw outside of a call");
});
// Survive unhandled rejections: they leave no state half changed.
process.on("unhandledRejection", (reason) =>
  tellOfTool(reason, "a promise was rejected and not handled"),
);

function tellOfTool(err: unknown, message: string): void {
  const tool = runningTool();
  void import("./telemetry/logger.ts").then(({ createLogger }) =>
    createLogger("error").error({ tool, err }, message),
  );
}

try {
  await runCommand(process.argv.slice(2), terminal);
  await end(0);
} catch (error) {
  await fail(error);
}

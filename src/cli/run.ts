// Runs a command line to its exit code. Not here: what belongs to the process, which main.ts handles.
import { CommanderError } from "commander";
import { AppError } from "../lib/errors.ts";
import { createProgram, withDefaultCommand } from "./program.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** @throws what `reportFailure` reports */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<void> {
  const program = createProgram(terminal);
  const commands = program.commands.map((command) => command.name());
  await program.parseAsync(withDefaultCommand(args, commands), { from: "user" });
}

/** Report why a command failed. Returns the exit code; undefined for a defect of ours, which is not reported. */
export function reportFailure(error: unknown, terminal: Terminal): number | undefined {
  if (error instanceof CommanderError) return error.exitCode;
  if (!(error instanceof AppError)) return undefined;
  for (const line of error.localAdvice.split("\n")) terminal.warn(`holdfast: ${line}`);
  return 1;
}

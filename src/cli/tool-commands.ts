// `holdfast call` and `holdfast tools`: their flags.
import { type Command, Option } from "commander";
import type { Settings } from "../config/config.ts";
import type { CallFlags } from "./commands/tools.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** `withSettings` adds the flags of settings, `settingsOf` reads them. */
export function addToolCommands(
  program: Command,
  flags: { withSettings(command: Command): Command; settingsOf(flags: object): Settings },
  terminal: Terminal,
): void {
  flags
    .withSettings(
      program
        .command("call <tool> [arguments]")
        .description("call a tool as `local`, without a server"),
    )
    .option("--name <name>", "in the session of this name")
    .addOption(new Option("--session <id>", "in the session of this id").conflicts("name"))
    .option("--json", "print the whole result as JSON")
    .action(async (tool: string, args: string | undefined, given: CallFlags) =>
      (await import("./commands/tools.ts")).callTool(
        flags.settingsOf(given),
        tool,
        args ?? "{}",
        given,
        terminal,
      ),
    );
  const tools = program.command("tools").description("list the tools, and check your own");
  flags
    .withSettings(tools.command("list").description("list the tools"))
    .option("--json", "print JSON, as clients get it")
    .action(async (given: { json?: boolean }) =>
      (await import("./commands/tools.ts")).listTools(flags.settingsOf(given), given, terminal),
    );
  tools
    .command("check <folder>")
    .description("load a folder of tools and list its faults")
    .action(async (folder: string) =>
      (await import("./commands/tools.ts")).checkTools(folder, terminal),
    );
}

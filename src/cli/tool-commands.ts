// `holdfast call` and `holdfast tools`: their flags.
import { type Command, Option } from "commander";
import type { CallFlags } from "./commands/tools.ts";
import { readPath } from "./help.ts";
import { HTTP_ONLY, settingsOf, withAllSettings } from "./setting-flags.ts";
import type { Terminal } from "./terminal/terminal.ts";

export function addToolCommands(program: Command, terminal: Terminal): void {
  withAllSettings(
    program
      .command("call <tool> [arguments]")
      .description("call a tool as `local`, without a server"),
    HTTP_ONLY,
  )
    .option("--name <name>", "in the session of this name")
    .addOption(new Option("--session <id>", "in the session of this id").conflicts("name"))
    .option("--json", "print the whole result as JSON")
    .action(async (tool: string, args: string | undefined, given: CallFlags) =>
      (await import("./commands/tools.ts")).callTool(
        settingsOf(given),
        tool,
        args ?? "{}",
        given,
        terminal,
      ),
    );
  const tools = program.command("tools").description("list the tools, and check your own");
  withAllSettings(tools.command("list").description("list the tools"), HTTP_ONLY)
    .option("--json", "print JSON, as clients get it")
    .action(async (given: { json?: boolean }) =>
      (await import("./commands/tools.ts")).listTools(settingsOf(given), given, terminal),
    );
  tools
    .command("check <folder>")
    .description("load a folder of tools and list its faults")
    .action(async (folder: string) =>
      (await import("./commands/tools.ts")).checkTools(readPath("folder")(folder), terminal),
    );
}

// The command line: its commands and their flags. Every setting is a flag; the work of each command is in its own file.
import { Argument, Command, Option } from "commander";
import { LOCAL } from "../auth/principal.ts";
import { HOME } from "../clients/session-resolver.ts";
import type { SettingName, Settings } from "../config/config.ts";
import { AppError } from "../lib/errors.ts";
import { commandLine } from "../lib/text/command-line.ts";
import { VERSION } from "../version.ts";
import { addAccessCommands } from "./access-commands.ts";
import type { ConsoleFlags } from "./commands/console.ts";
import { complete, completionScript, type Shell, SHELLS } from "./completion.ts";
import type { ConnectFlags } from "./connect/connect.ts";
import { addDataCommands } from "./data-commands.ts";
import { onlyOf, readPath, withHelp } from "./help.ts";
import { addSessionCommands } from "./sessions/commands.ts";
import { HTTP_ONLY, settingsOf, withAllSettings, withDataSettings } from "./setting-flags.ts";
import type { SetupFlags } from "./setup.ts";
import { addTaskCommands } from "./tasks/commands.ts";
import type { Terminal } from "./terminal/terminal.ts";
import { addToolCommands } from "./tool-commands.ts";

/** Settings that decide a client's configuration. */
const ADDRESS: readonly SettingName[] = [
  ...(["host", "port", "public-url"] as const),
  ...(["auth-server", "auth-issuer"] as const),
];

const help = (): string => `
"${commandLine("serve --help")}" lists the settings. Each is an environment variable too: --max-age is
HOLDFAST_MAX_AGE.

Exit codes:
  0    done
  1    not done, and the reason is on standard error; or the doctor found a problem
  70   a defect of Holdfast
  130  stopped by Ctrl+C or Ctrl+D at a question, or by the second Ctrl+C`;

const CONNECT_HELP = `
Without a program, it lists the clients that it knows. The key is read from HOLDFAST_API_KEY.`;

const COMPLETION_HELP = `
bash: add this line to ~/.bashrc          source <(holdfast completion bash)
zsh:  add this line to ~/.zshrc           source <(holdfast completion zsh)
fish: holdfast completion fish > ~/.config/fish/completions/holdfast.fish`;

/** Add the command `serve` to flags without a command. */
export function withDefaultCommand(
  args: readonly string[],
  commands: readonly string[],
): readonly string[] {
  const [first] = args;
  const isKnown = (word: string): boolean => word === "help" || commands.includes(word);
  if (first === "-V") return ["--version"]; // a flag of many programs
  // Rewrite `help` with several words: commander's own command reads one, so "help keys create" would be about "keys".
  if (first === "help" && args.length > 2) return [...args.slice(1), "--help"];
  // Drop `help` before an unknown word: commander would show the program's own help, and no reason.
  if (first === "help" && args.length === 2 && !isKnown(args[1]!)) return args.slice(1);
  if (first === "sessions" && args[1] === "search") return withExclusions(args);
  const aboutProgram = first !== undefined && ["-h", "--help", "-v", "--version"].includes(first);
  if (first !== undefined && (!first.startsWith("-") || aboutProgram)) return args;
  refuseLateCommand(args, commands);
  return ["serve", ...args];
}

/**
 * Write `-storm` in a search with a minus sign: commander would take it for a bundle of flags. A word right after a flag is its
 * value; -h stays a flag.
 */
const withExclusions = (args: readonly string[]): readonly string[] =>
  args.map((word, i) =>
    /^-[^-\s]\S/.test(word) && !/^--(?!json$)./.test(args[i - 1]!) ? `−${word.slice(1)}` : word,
  );

/** Refuse `--data-dir x sessions list`, which is not meant for `serve`. A word right after a flag may be its value. */
function refuseLateCommand(args: readonly string[], commands: readonly string[]): void {
  const at = args.findIndex(
    (word, i) => commands.includes(word) && i > 0 && !args[i - 1]!.startsWith("-"),
  );
  if (at === -1) return;
  throw new AppError("start", "A command comes before its settings.", {
    hint: `Begin with: ${commandLine(args[at]!)}`, // not the whole line, which may hold a key
  });
}

export function createProgram(terminal: Terminal): Command {
  const program = withHelp(new Command("holdfast"))
    .exitOverride() // main.ts ends the process after all output is written
    .configureOutput({
      writeOut: (text) => void terminal.output.write(text),
      writeErr: (text) => void terminal.errors.write(text),
    })
    .description("A self-hosted MCP server whose conversations outlive the process.")
    .version(VERSION, "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print this help, or that of a command")
    .addHelpText("after", help);

  withAllSettings(
    program.command("serve").description("serve MCP over HTTP (the default command)"),
  ).action(async (flags: object) =>
    (await import("./commands/serve.ts")).serve(settingsOf(flags), terminal),
  );

  withAllSettings(
    program.command("stdio").description("serve one MCP client over standard input and output"),
    HTTP_ONLY,
  )
    .addOption(new Option("--name <name>", "continue, or start, the session of this name"))
    .addOption(new Option("--session <id>", "continue the session of this id").conflicts("name"))
    .addOption(
      new Option("--resume", "continue the session that was used last").conflicts([
        "name",
        "session",
      ]),
    )
    .action(async (flags: object) =>
      (await import("./commands/stdio.ts")).stdio(settingsOf(flags), flags, terminal),
    );

  addDataCommands(program, terminal);

  withDataSettings(
    program
      .command("connect [program]")
      .description("print or write a client's configuration for this server"),
    ...ADDRESS,
  )
    .option("--name <name>", "the session that the client works in", HOME)
    .option("--url <address>", "the server's address, if the settings do not give it")
    .option("--stdio", "let the client start holdfast itself")
    .option("--write", "write it to the client's file, and keep a copy of the file")
    .option("--json", "print JSON")
    .addHelpText("after", CONNECT_HELP)
    .action(async (name: string | undefined, flags: ConnectFlags) =>
      (await import("./connect/connect.ts")).connect(settingsOf(flags), name, flags, terminal),
    );

  withDataSettings(
    program
      .command("console")
      .description("print the address of the console, or a link that signs in"),
    ...ADDRESS,
  )
    .option("--principal <name>", "the principal that the link signs in as", LOCAL.id)
    .option("--scope <scope>", "what the browser may do: read, write or admin")
    .option("--json", "print JSON")
    .action(async (flags: ConsoleFlags) =>
      (await import("./commands/console.ts")).printConsole(settingsOf(flags), flags, terminal),
    );

  withDataSettings(
    program.command("setup").description("set up sign-in at a public address, and wait for it"),
  )
    .option("--public-url <url>", "name or https address of this server; asked for without it")
    .option("--principal <name>", "who you are: conversations belong to this name")
    .option(
      "--environment-file <file>",
      "file of variables that gets the public address",
      readPath("environment-file"),
    )
    .option("--no-wait", "do not wait until a program has signed in")
    .action(async (flags: SetupFlags) =>
      (await import("./setup.ts")).setup(settingsOf(flags), flags, terminal),
    );
  addAccessCommands(program, terminal);
  addTaskCommands(program, terminal);
  addSessionCommands(
    program
      .command("sessions")
      .description("the stored conversations: list, show, search, change, move, delete"),
    terminal,
  );

  program
    .command("version")
    .description("print the version")
    .action(() => terminal.print(VERSION));
  program
    .command("completion")
    .description("print a script that completes commands in a shell")
    .addArgument(onlyOf(new Argument("<shell>", "your shell"), "shell", SHELLS))
    .addHelpText("after", COMPLETION_HELP)
    .action((shell: Shell) => terminal.print(completionScript(shell)));
  withDataSettings(program.command("complete [words...]", { hidden: true })).action(
    (words: string[]) => printCompletions(program, words, terminal),
  );

  addToolCommands(program, terminal);

  return program;
}

/** Print the words for a shell's script. Sessions have no names without a readable database. */
async function printCompletions(
  program: Command,
  words: readonly string[],
  terminal: Terminal,
): Promise<void> {
  const { words: found, sessions, given } = complete(program, words);
  for (const word of found) terminal.print(word);
  if (!sessions) return;
  const folder = given[given.indexOf("--data-dir") + 1];
  const settings: Settings =
    given.includes("--data-dir") && folder !== undefined ? { "data-dir": folder } : {};
  const current = words.at(-1) ?? "";
  const { sessionNames } = await import("./sessions/find.ts");
  for (const name of await sessionNames(settings).catch(() => []))
    if (name.startsWith(current)) terminal.print(name);
}

// The command line: its commands and their flags. Every setting is a flag; each command's work is in a file of its own.
import { Argument, Command, Option } from "commander";
import { envName, settings, type SettingName } from "../config.ts";
import type { Settings } from "../holdfast.ts";
import { VERSION } from "../version.ts";
import { backup, type BackupFlags, type CopyFlags } from "./backup.ts";
import { cleanup, type CleanupFlags } from "./cleanup.ts";
import { complete, completionScript, SHELLS } from "./completion.ts";
import { doctor, type DoctorFlags } from "./doctor/doctor.ts";
import { createKey, listKeys, openKeys, revokeKey, type KeyFlags } from "./keys.ts";
import { restore } from "./restore.ts";
import { addSessionCommands } from "./sessions/commands.ts";
import { sessionNames } from "./sessions/find.ts";
import { readCount, type Terminal } from "./terminal.ts";
import { serve } from "./serve.ts";
import { stdio } from "./stdio.ts";
import { addToolCommands } from "./tools.ts";

const DATA: readonly SettingName[] = [
  ...([
    "data-dir",
    "max-age",
    "client-age",
    "cleanup-interval",
    "durability",
    "log-level",
  ] as const),
];

/** What means nothing to a client on standard input and output. */
const HTTP_ONLY: readonly SettingName[] = [
  ...(["host", "port", "public-url", "allowed-hosts", "cors-origins"] as const),
  ...(["insecure-no-auth", "auth-issuer", "auth-audience", "max-body", "live-clients"] as const),
  ...(["max-calls-per-minute", "max-concurrent-calls", "max-connections", "max-streams"] as const),
];

/** What a client's configuration says of the server. */
const ADDRESS: readonly SettingName[] = ["host", "port", "public-url"];

const HELP = `
Every setting can also come from the environment: --max-age is HOLDFAST_MAX_AGE.
"holdfast serve --help" lists the settings.

Exit codes:
  0    done
  1    not done, and the reason is on standard error; or the doctor found a problem
  70   a defect of Holdfast
  130  stopped by Ctrl+C at a question, or at the second one`;

const BACKUP_HELP = `
FILE may be a folder: the file in it is then holdfast-TIME.db, and --keep 14 deletes all but the newest
14 of that naming. A link is written through; a pipe or a device is refused.`;

const COMPLETION_HELP = `
bash: add this line to ~/.bashrc          source <(holdfast completion bash)
zsh:  add this line to ~/.zshrc           source <(holdfast completion zsh)
fish: holdfast completion fish > ~/.config/fish/completions/holdfast.fish`;

/** Flags without a command belong to `serve`. */
export function withDefaultCommand(args: readonly string[]): readonly string[] {
  const [first] = args;
  if (first === "-V") return ["--version"]; // as many programs have it
  // commander's own command knows one word: "help keys create" would be about "keys".
  if (first === "help" && args.length > 2) return [...args.slice(1), "--help"];
  const aboutProgram = first !== undefined && ["-h", "--help", "-v", "--version"].includes(first);
  return first === undefined || (first.startsWith("-") && !aboutProgram)
    ? ["serve", ...args]
    : args;
}

export function createProgram(terminal: Terminal): Command {
  const program = new Command("holdfast")
    .exitOverride() // main.ts ends the process, when everything is written
    .description("A self-hosted MCP server whose conversations outlive the process.")
    .version(VERSION, "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print this help, or that of a command")
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", HELP);

  withSettings(
    program.command("serve").description("serve MCP over HTTP (the default command)"),
  ).action((flags: object) => serve(settingsOf(flags), terminal));

  withSettings(
    program.command("stdio").description("serve one MCP client over standard input and output"),
    (name) => !HTTP_ONLY.includes(name),
  )
    .addOption(new Option("--name <name>", "continue, or start, the session of this name"))
    .addOption(new Option("--session <id>", "continue the session of this id").conflicts("name"))
    .addOption(
      new Option("--resume", "continue the session that was used last").conflicts([
        "name",
        "session",
      ]),
    )
    .action((flags: object) => stdio(settingsOf(flags), flags, terminal));

  withSettings(
    program.command("cleanup").description("delete what is older than the maximum age"),
    (name) => DATA.includes(name),
  )
    .option("--dry-run", "only say what would be deleted")
    .option("--yes", "delete what the last run kept too, without asking")
    .option("--json", "print JSON")
    .action((flags: CleanupFlags) => cleanup(settingsOf(flags), flags, terminal));

  withSettings(
    program
      .command("backup <file>")
      .description("copy everything into one file, while the server goes on"),
    forData,
  )
    .option("--force", "replace a file that is there")
    .option("--keep <number>", "in a folder: delete all but so many of its own files", readCount)
    .option("--json", "print JSON")
    .addHelpText("after", BACKUP_HELP)
    .action((file: string, flags: BackupFlags) => backup(settingsOf(flags), file, flags, terminal));

  withSettings(
    program.command("restore <file>").description("put a backup in the place of the database"),
    forData,
  )
    .option("--force", "replace a database that is there; it is kept beside the new one")
    .option("--json", "print JSON")
    .action((file: string, flags: CopyFlags) => restore(settingsOf(flags), file, flags, terminal));

  withSettings(program.command("doctor").description("check settings, data folder and database"))
    .option("--fix", "put right what is safe: file rights, a log that has grown")
    .option("--json", "print JSON")
    .action((flags: DoctorFlags) => doctor(settingsOf(flags), flags, terminal));

  const keys = program.command("keys").description("who may come in over HTTP");
  withSettings(
    keys.command("create").description("make a key, shown this once"),
    (name) => forData(name) || ADDRESS.includes(name),
  )
    .requiredOption("--principal <name>", "whose sessions it opens")
    .option("--scopes <scopes>", "read, write or admin, each including the ones before", "write")
    .option("--expires <duration>", "how long it is valid", "never")
    .option("--json", "print JSON")
    .action((flags: KeyFlags) => createKey(settingsOf(flags), flags, terminal));
  withSettings(keys.command("list").description("list the keys"), forData)
    .option("--json", "print JSON")
    .action((flags: { json?: boolean }) => listKeys(settingsOf(flags), flags, terminal));
  withSettings(keys.command("revoke <id>").description("refuse a key from now on"), forData).action(
    (id: string, flags: object) => revokeKey(settingsOf(flags), id, terminal),
  );

  withSettings(
    keys.command("open").description("ask nobody for a key any more, once all are revoked"),
    forData,
  )
    .option("--yes", "do not ask")
    .action((flags: { yes?: boolean }) => openKeys(settingsOf(flags), flags, terminal));

  addSessionCommands(
    program
      .command("sessions")
      .description("the stored conversations: list, show, search, change, move, delete"),
    {
      withSettings: (command, ...more) =>
        withSettings(command, (name) => forData(name) || more.includes(name)),
      settingsOf,
    },
    terminal,
  );

  program
    .command("version")
    .description("print the version")
    .action(() => terminal.print(VERSION));
  program
    .command("completion")
    .description("print a script that completes commands in a shell")
    .addArgument(new Argument("<shell>", "your shell").choices(SHELLS))
    .addHelpText("after", COMPLETION_HELP)
    .action((shell: string) => terminal.print(completionScript(shell)));
  withSettings(program.command("complete [words...]", { hidden: true }), forData).action(
    (words: string[]) => printCompletions(program, words, terminal),
  );

  addToolCommands(
    program,
    {
      withSettings: (command) => withSettings(command, (name) => !HTTP_ONLY.includes(name)),
      settingsOf,
    },
    terminal,
  );

  return program;
}

/** What a shell's script shows; where there is no database, or it cannot be read, sessions have no names. */
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
  for (const name of await sessionNames(settings).catch(() => []))
    if (name.startsWith(current)) terminal.print(name);
}

const forData = (name: SettingName): boolean => ["data-dir", "log-level"].includes(name);

/** Adds a flag for every setting that the command uses. A switch may stand without a value. */
function withSettings(
  command: Command,
  uses: (name: SettingName) => boolean = () => true,
): Command {
  for (const [name, setting] of Object.entries(settings)) {
    if (!uses(name as SettingName)) continue;
    const value =
      name === "ephemeral" || name === "insecure-no-auth"
        ? "[true|false]"
        : `<${setting.kind.accepts.includes("duration") ? "duration" : "value"}>`;
    const fallback = "default" in setting ? `, default ${setting.default}` : "";
    command.addOption(
      new Option(`--${name} ${value}`, `${setting.help} (${envName(name)}${fallback})`),
    );
  }
  return command;
}

/** commander's camel-case flags as settings. */
function settingsOf(flags: object): Settings {
  const given: Settings = {};
  for (const [flag, value] of Object.entries(flags)) {
    const name = flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name in settings) given[name as SettingName] = value as string;
  }
  return given;
}

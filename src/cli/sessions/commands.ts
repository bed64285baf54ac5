// `holdfast sessions`: its commands and their flags.
import { type Command, Option } from "commander";
import { ROLES } from "../../chat/message.ts";
import type { SettingName } from "../../config/config.ts";
import { expectedError } from "../../lib/text/expected.ts";
import type { Clearable } from "../../sessions/store.ts";
import { FORMATS } from "../../transfer/formats/format.ts";
import { onlyOf, readCount, readPath } from "../help.ts";
import { settingsOf, withDataSettings } from "../setting-flags.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { ChangeFlags, GiveFlags } from "./change.ts";
import type { DeleteFlags } from "./delete.ts";
import type { ExportFlags } from "./export.ts";
import type { ImportFlags } from "./import.ts";
import type { ListFlags } from "./list.ts";
import type { SearchFlags } from "./search.ts";
import type { ShowFlags } from "./show.ts";

const LIMITS: readonly SettingName[] = [
  ...(["max-sessions", "max-messages", "max-message", "max-keys", "max-value"] as const),
];

const NAMES = "An ID finds any session; a NAME finds a session of --principal.";

const SEARCH_HELP = `
-WORD leaves out messages with it. Among other words, one in quotes is a phrase: "red kite" nest. One text in
quotes alone is a whole query, whose phrases have quotes of their own: '"red kite" nest -storm role:user'.`;

const EXPORT_HELP = `
${NAMES}
JSON Lines contain everything that import needs: a line for the session, one for each state key, one
for each message, and a last one with the counts. Shares are not exported.`;

const IMPORT_HELP = `
FILE is an export of Holdfast or of another program: a file, a folder, or an archive as it was
downloaded (.zip, .tar, .gz); - is standard input. Its content tells the program: ChatGPT, Claude, Gemini (Google
Takeout), Grok, Le Chat, DeepSeek, Open WebUI, LibreChat, LobeChat, LM Studio,
Jan, SillyTavern, TypingMind, NextChat, Chatbox, Cherry Studio, and transcripts of Claude Code, Codex,
Cursor, Gemini CLI, opencode and GitHub Copilot.

All files are checked first. If anything in an export of Holdfast is wrong, nothing is imported. In other
files, unreadable conversations and messages are skipped, and named with the reason; with --strict
nothing is imported then.

A session of Holdfast keeps its id. A session of another program always gets the same id, so importing
twice changes nothing. If the file has more than what is stored, the rest is added; a session
that has grown here stays as it is; a session that differs is reported as a conflict.

The import counts as the last activity of a session, so that old ones do not expire at once. All other times are kept. A session whose name is taken is imported without its name.`;

export function addSessionCommands(sessions: Command, terminal: Terminal): void {
  withDataSettings(
    sessions.command("list").description("list the sessions, the last used first"),
    "max-age",
  )
    .option("--query <text>", "only sessions with this in the name or title")
    .option("--limit <number>", "most sessions to list", readCount("limit"), 50)
    .addOption(whose())
    .addOption(all("sessions of all principals"))
    .option("--json", "print JSON")
    .action(async (flags: ListFlags) =>
      (await import("./list.ts")).listSessions(settingsOf(flags), flags, terminal),
    );

  withDataSettings(
    sessions.command("show <session>").description("print a conversation for reading"),
    "max-age",
  )
    .option("--last <number>", "only this number of the newest messages", readCount("last"))
    .addOption(whose())
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `\n${NAMES}\nA part of a name or title is enough if only one session has it.`,
    )
    .action(async (session: string, flags: ShowFlags) =>
      (await import("./show.ts")).showSession(settingsOf(flags), session, flags, terminal),
    );

  withDataSettings(
    sessions.command("export [sessions...]").description("write sessions to a file or a pipe"),
    "max-age",
  )
    .addOption(all("all sessions of all principals"))
    .addOption(
      choice("format", "jsonl can be imported, markdown is for reading", ["jsonl", "markdown"]),
    )
    .option("--output <file>", "file to write; default: standard output", readPath("output"))
    .option("--force", "replace an existing file")
    .addOption(whose())
    .addHelpText("after", EXPORT_HELP)
    .action(async (refs: string[], flags: ExportFlags) =>
      (await import("./export.ts")).exportSessions(settingsOf(flags), refs, flags, terminal),
    );

  withDataSettings(
    sessions.command("import <files...>").description("import sessions from files"),
    ...LIMITS,
    "max-age",
    "durability",
  )
    .addOption(new Option("--principal <name>", "owner of the imported sessions").default("local"))
    .addOption(
      new Option(
        "--keep-owners",
        "each session stays with the owner that the file names",
      ).conflicts("principal"),
    )
    .addOption(choice("format", "program that wrote the file", FORMATS))
    .option("--strict", "import nothing if something would be skipped")
    .option("--dry-run", "only show what would be done")
    .option("--json", "print JSON")
    .addHelpText("after", IMPORT_HELP)
    .action(async (files: string[], flags: ImportFlags) =>
      (await import("./import.ts")).importFiles(
        settingsOf(flags),
        files.map(readPath("file")),
        flags,
        terminal,
      ),
    );

  addChanges(sessions, terminal);

  withDataSettings(
    sessions.command("delete <sessions...>").description("delete sessions with all their data"),
    "max-age",
  )
    .option("--yes", "do not ask")
    .addOption(whose())
    .addHelpText("after", `\n${NAMES}`)
    .action(async (refs: string[], flags: DeleteFlags) =>
      (await import("./delete.ts")).deleteSessions(settingsOf(flags), refs, flags, terminal),
    );
}

/** Add the commands that change single sessions. */
function addChanges(sessions: Command, terminal: Terminal): void {
  const changing = (usage: string, description: string): Command =>
    withDataSettings(sessions.command(usage).description(description), "max-age")
      .addOption(whose())
      .option("--json", "print JSON")
      .addHelpText("after", `\n${NAMES}`);

  withDataSettings(
    sessions.command("search [words...]").description("search the messages"),
    "max-age",
  )
    .option("--session <session>", "only in this session")
    .addOption(onlyOf(new Option("--role <role>", "only messages of this role"), "role", ROLES))
    .option("--after <date>", "only messages since this day or time")
    .option("--before <date>", "only messages before this day or time")
    .option("--title <text>", "only sessions with this in their title")
    .option("--limit <number>", "most messages to show", readCount("limit"), 10)
    .addOption(whose())
    .option("--json", "print JSON")
    .addHelpText("after", SEARCH_HELP)
    .action(async (words: string[], flags: SearchFlags) =>
      (await import("./search.ts")).searchSessions(settingsOf(flags), words, flags, terminal),
    );
  changing("rename <session> [name]", "change a session's name or title")
    .option("--title <title>", "new title; an empty one removes it")
    .action(
      async (ref: string, name: string | undefined, flags: ChangeFlags & { title?: string }) =>
        (await import("./change.ts")).renameSession(settingsOf(flags), ref, name, flags, terminal),
    );
  changing("pin <session>", "keep a session when max-age would delete it").action(
    async (ref: string, flags: ChangeFlags) =>
      (await import("./change.ts")).pinSession(settingsOf(flags), ref, true, flags, terminal),
  );
  changing("unpin <session>", "let a session expire like others").action(
    async (ref: string, flags: ChangeFlags) =>
      (await import("./change.ts")).pinSession(settingsOf(flags), ref, false, flags, terminal),
  );
  changing("share <session>", "share a session with another principal")
    .requiredOption("--with <principal>", "the other principal")
    .addOption(choice("access", "access of the other principal", ["read", "write"]))
    .action(
      async (ref: string, flags: ChangeFlags & { with: string; access: "read" | "write" }) => {
        const { with: principal, access } = flags;
        return (await import("./change.ts")).shareSession(
          settingsOf(flags),
          ref,
          { principal, access },
          flags,
          terminal,
        );
      },
    );
  changing("unshare <session>", "end the share with another principal")
    .requiredOption("--with <principal>", "the other principal")
    .action(async (ref: string, flags: ChangeFlags & { with: string }) =>
      (await import("./change.ts")).unshareSession(
        settingsOf(flags),
        ref,
        flags.with,
        flags,
        terminal,
      ),
    );
  changing("give [sessions...]", "change the owner of sessions")
    .requiredOption("--to <principal>", "the new owner")
    .option("--all", "all sessions of the principal in --from")
    .option("--from <principal>", "the owner until now, with --all")
    .action(async (refs: string[], flags: GiveFlags) =>
      (await import("./change.ts")).giveSessions(settingsOf(flags), refs, flags, terminal),
    );
  changing("clear <session>", "empty a session, and keep its id")
    .addOption(choice("what", "part to delete", ["all", "history", "state"]))
    .option("--yes", "do not ask")
    .action(async (ref: string, flags: ChangeFlags & { what: Clearable; yes?: boolean }) =>
      (await import("./change.ts")).clearSession(settingsOf(flags), ref, flags, terminal),
    );
  changing("forget <session> <numbers...>", "delete single messages by their numbers")
    .option("--yes", "do not ask")
    .action(async (ref: string, numbers: string[], flags: ChangeFlags & { yes?: boolean }) =>
      (await import("./change.ts")).forgetMessages(
        settingsOf(flags),
        ref,
        numbers.map(readNumber),
        flags,
        terminal,
      ),
    );
}

const whose = (): Option =>
  new Option("--principal <name>", "owner of the sessions").default("local");

/** Option with a choice of words; the first one is the default. */
const choice = (name: string, help: string, words: readonly string[]): Option =>
  onlyOf(new Option(`--${name} <${name}>`, help), name, words).default(words[0]);

const all = (help: string): Option => new Option("--all", help).conflicts("principal");

/** Read `7` or `#7`. @throws AppError `start` */
function readNumber(text: string): number {
  const [, number] = /^#?([1-9]\d{0,9})$/.exec(text) ?? [];
  if (number === undefined)
    throw expectedError(
      "number",
      'the number of a message, as "holdfast sessions show" prints it',
      text,
    );
  return Number(number);
}

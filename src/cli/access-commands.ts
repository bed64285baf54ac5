// `holdfast keys`, `passkeys`, `clients` and `grants`: who comes in over HTTP.
import type { Command } from "commander";
import type { SettingName } from "../config/config.ts";
import type { KeyFlags } from "./commands/keys.ts";
import type { ClientFlags } from "./commands/oauth.ts";
import type { SettingFlags } from "./sessions/commands.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** Settings that decide a client's configuration. */
const ADDRESS: readonly SettingName[] = ["host", "port", "public-url"];

export function addAccessCommands(program: Command, parts: SettingFlags, terminal: Terminal): void {
  addKeyCommands(program, parts, terminal);
  addPasskeyCommands(program, parts, terminal);
  addClientCommands(program, parts, terminal);
  addGrantCommands(program, parts, terminal);
}

function addKeyCommands(
  program: Command,
  { withSettings, settingsOf }: SettingFlags,
  terminal: Terminal,
): void {
  const keys = program.command("keys").description("API keys for clients over HTTP");
  withSettings(keys.command("create").description("make a key; it is shown only once"), ...ADDRESS)
    .requiredOption("--principal <name>", "the principal whose sessions it opens")
    .option(
      "--scopes <scopes>",
      "read, write or admin, each including the ones before, or metrics alone",
      "write",
    )
    .option("--expires <duration>", "time that it is valid", "never")
    .option("--json", "print JSON")
    .action(async (flags: KeyFlags) =>
      (await import("./commands/keys.ts")).createKey(settingsOf(flags), flags, terminal),
    );
  withSettings(keys.command("list").description("list the keys"))
    .option("--json", "print JSON")
    .action(async (flags: { json?: boolean }) =>
      (await import("./commands/keys.ts")).listKeys(settingsOf(flags), flags, terminal),
    );
  withSettings(keys.command("revoke <id>").description("revoke a key at once")).action(
    async (id: string, flags: object) =>
      (await import("./commands/keys.ts")).revokeKey(settingsOf(flags), id, terminal),
  );

  withSettings(
    keys.command("open").description("open loopback again, after the last key was revoked"),
  )
    .option("--yes", "do not ask")
    .action(async (flags: { yes?: boolean }) =>
      (await import("./commands/keys.ts")).openKeys(settingsOf(flags), flags, terminal),
    );
}

function addPasskeyCommands(
  program: Command,
  { withSettings, settingsOf }: SettingFlags,
  terminal: Terminal,
): void {
  const passkeys = program.command("passkeys").description("passkeys of people in the console");
  withSettings(passkeys.command("list").description("list the passkeys"))
    .option("--principal <name>", "those of one principal")
    .option("--json", "print JSON")
    .action(async (flags: { json?: boolean; principal?: string }) =>
      (await import("./commands/keys.ts")).listPasskeys(settingsOf(flags), flags, terminal),
    );
  withSettings(
    passkeys.command("remove <id>").description("remove one, with all that it let in, at once"),
  ).action(async (id: string, flags: object) =>
    (await import("./commands/keys.ts")).removePasskey(settingsOf(flags), id, terminal),
  );
}

function addClientCommands(
  program: Command,
  { withSettings, settingsOf }: SettingFlags,
  terminal: Terminal,
): void {
  const clients = program.command("clients").description("programs that sign in here (OAuth)");
  withSettings(clients.command("list").description("list those that are registered"))
    .option("--json", "print JSON")
    .action(async (flags: { json?: boolean }) =>
      (await import("./commands/oauth.ts")).listClients(settingsOf(flags), flags, terminal),
    );
  withSettings(
    clients.command("create").description("make a client id, for a program that cannot register"),
  )
    .requiredOption("--name <name>", "its name on the page that asks for consent")
    .requiredOption("--redirect <url...>", "where the browser goes back to, as the program says")
    .option("--json", "print JSON")
    .action(async (flags: ClientFlags) =>
      (await import("./commands/oauth.ts")).createClient(settingsOf(flags), flags, terminal),
    );
  withSettings(
    clients.command("delete <id>").description("delete one, with all that people have allowed it"),
  ).action(async (id: string, flags: object) =>
    (await import("./commands/oauth.ts")).deleteClient(settingsOf(flags), id, terminal),
  );
}

function addGrantCommands(
  program: Command,
  { withSettings, settingsOf }: SettingFlags,
  terminal: Terminal,
): void {
  const grants = program.command("grants").description("what people have allowed programs (OAuth)");
  withSettings(grants.command("list").description("list the grants"))
    .option("--principal <name>", "those of one principal")
    .option("--json", "print JSON")
    .action(async (flags: { json?: boolean; principal?: string }) =>
      (await import("./commands/oauth.ts")).listGrants(settingsOf(flags), flags, terminal),
    );
  withSettings(
    grants.command("revoke <id>").description("end a grant, with all its tokens, at once"),
  ).action(async (id: string, flags: object) =>
    (await import("./commands/oauth.ts")).revokeGrant(settingsOf(flags), id, terminal),
  );
}

// `holdfast keys`, `passkeys`, `clients` and `grants`: who comes in over HTTP.
import type { Command } from "commander";
import type { SettingName } from "../config/config.ts";
import type { KeyFlags } from "./commands/keys.ts";
import type { ClientFlags } from "./commands/oauth.ts";
import { settingsOf, withDataSettings } from "./setting-flags.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** Settings that decide a client's configuration. */
const ADDRESS: readonly SettingName[] = ["host", "port", "public-url"];

export function addAccessCommands(program: Command, terminal: Terminal): void {
  addKeyCommands(program, terminal);
  addPasskeyCommands(program, terminal);
  addClientCommands(program, terminal);
  addGrantCommands(program, terminal);
}

function addKeyCommands(program: Command, terminal: Terminal): void {
  const keys = program.command("keys").description("API keys for clients over HTTP");
  withDataSettings(
    keys.command("create").description("make a key; it is shown only once"),
    ...ADDRESS,
  )
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
  withDataSettings(keys.command("list").description("list the keys"))
    .option("--json", "print JSON")
    .action(async (flags: { json?: boolean }) =>
      (await import("./commands/keys.ts")).listKeys(settingsOf(flags), flags, terminal),
    );
  withDataSettings(keys.command("revoke <id>").description("revoke a key at once")).action(
    async (id: string, flags: object) =>
      (await import("./commands/keys.ts")).revokeKey(settingsOf(flags), id, terminal),
  );

  withDataSettings(
    keys.command("open").description("open loopback again, after the last key was revoked"),
  )
    .option("--yes", "do not ask")
    .action(async (flags: { yes?: boolean }) =>
      (await import("./commands/keys.ts")).openKeys(settingsOf(flags), flags, terminal),
    );
}

function addPasskeyCommands(program: Command, terminal: Terminal): void {
  const passkeys = program.command("passkeys").description("passkeys of people in the console");
  withDataSettings(passkeys.command("list").description("list the passkeys"))
    .option("--principal <name>", "those of one principal")
    .option("--json", "print JSON")
    .action(async (flags: { json?: boolean; principal?: string }) =>
      (await import("./commands/keys.ts")).listPasskeys(settingsOf(flags), flags, terminal),
    );
  withDataSettings(
    passkeys.command("remove <id>").description("remove one, with all that it let in, at once"),
  ).action(async (id: string, flags: object) =>
    (await import("./commands/keys.ts")).removePasskey(settingsOf(flags), id, terminal),
  );
}

function addClientCommands(program: Command, terminal: Terminal): void {
  const clients = program.command("clients").description("programs that sign in here (OAuth)");
  withDataSettings(clients.command("list").description("list those that are registered"))
    .option("--json", "print JSON")
    .action(async (flags: { json?: boolean }) =>
      (await import("./commands/oauth.ts")).listClients(settingsOf(flags), flags, terminal),
    );
  withDataSettings(
    clients.command("create").description("make a client id, for a program that cannot register"),
  )
    .requiredOption("--name <name>", "its name on the page that asks for consent")
    .requiredOption("--redirect <url...>", "where the browser goes back to, as the program says")
    .option("--json", "print JSON")
    .action(async (flags: ClientFlags) =>
      (await import("./commands/oauth.ts")).createClient(settingsOf(flags), flags, terminal),
    );
  withDataSettings(
    clients.command("delete <id>").description("delete one, with all that people have allowed it"),
  ).action(async (id: string, flags: object) =>
    (await import("./commands/oauth.ts")).deleteClient(settingsOf(flags), id, terminal),
  );
}

function addGrantCommands(program: Command, terminal: Terminal): void {
  const grants = program.command("grants").description("what people have allowed programs (OAuth)");
  withDataSettings(grants.command("list").description("list the grants"))
    .option("--principal <name>", "those of one principal")
    .option("--json", "print JSON")
    .action(async (flags: { json?: boolean; principal?: string }) =>
      (await import("./commands/oauth.ts")).listGrants(settingsOf(flags), flags, terminal),
    );
  withDataSettings(
    grants.command("revoke <id>").description("end a grant, with all its tokens, at once"),
  ).action(async (id: string, flags: object) =>
    (await import("./commands/oauth.ts")).revokeGrant(settingsOf(flags), id, terminal),
  );
}

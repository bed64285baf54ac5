// `holdfast keys` and `passkeys`: manages the API keys, which let callers in over HTTP, and the passkeys of people.
import type { Data } from "../../app/data.ts";
import type { ApiKey } from "../../auth/api-keys.ts";
import type { Passkey } from "../../auth/passkeys.ts";
import { ALL_SCOPES, highestScope, includes, LOCAL, type Scope } from "../../auth/principal.ts";
import { HOME } from "../../clients/session-resolver.ts";
import { alwaysAsks } from "../../config/auth-server.ts";
import type { Settings } from "../../config/config.ts";
import { readDuration } from "../../config/kinds.ts";
import {
  clientConfig,
  commonPrograms,
  serverUrl,
  withName,
} from "../../http/connect/client-config.ts";
import { isoTime } from "../../lib/clock.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { eitherOf, expectedError } from "../../lib/text/expected.ts";
import { counted } from "../../lib/text/plural.ts";
import { shellWord } from "../../lib/text/quoted.ts";
import { confirm } from "../terminal/confirm.ts";
import { type Column, table } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { oneLine } from "../terminal/text.ts";
import { localTime, relativeTime } from "../terminal/times.ts";
import { withData } from "../with-data.ts";

export interface KeyFlags {
  principal: string;
  scopes: string;
  expires: string;
  json?: boolean;
}

export async function createKey(
  settings: Settings,
  { principal, json, scopes, expires }: KeyFlags,
  terminal: Terminal,
): Promise<void> {
  const options = { principal, scope: readScopes(scopes), lifetimeMs: readLifetime(expires) };
  const create = async (data: Data): Promise<void> => {
    const { keys, config } = data;
    const isFirst = !alwaysAsks(config) && !(await keys.any());
    const { stored, key } = await keys.create(options);
    if (json) return terminal.print(JSON.stringify({ ...shown(stored), key }));
    terminal.print(key);
    terminal.print("");
    if (stored.scope === "metrics") {
      terminal.print("It reads /metrics, and opens no session.");
    } else {
      terminal.print(`For ${commonPrograms()}:`);
      const url = withName(serverUrl(config), HOME);
      terminal.print(`  ${JSON.stringify(clientConfig(url, key))}`);
    }
    terminal.warn(`This key of ${oneLine(principal)} is shown only now.`);
    if (isFirst) terminal.warn(await closing(data, principal));
  };
  // Create the database: keys are often made before the server's first start.
  await withData(settings, create, { create: true });
}

/** Says what the first key changes, and to whom the sessions belong that were made without a key. */
async function closing({ operator }: Data, principal: string): Promise<string> {
  const closed = "From now on every HTTP client needs a key.";
  if (principal === LOCAL.id) return closed;
  const { length } = await operator.allOf(LOCAL.id);
  if (length === 0) return closed;
  return (
    `${closed} ${counted(length, "session")} made without one ` +
    `${length === 1 ? "belongs" : "belong"} to the principal local. To give them to ${oneLine(principal)}:\n` +
    `  ${commandLine("sessions give --all --from local --to")} ${shellWord(principal)}`
  );
}

export function listKeys(
  settings: Settings,
  { json }: { json?: boolean },
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async ({ keys, config }) => {
    const all = await keys.list();
    if (json) return terminal.print(JSON.stringify(all.map(shown)));
    if (all.length === 0)
      return terminal.print(
        alwaysAsks(config)
          ? "There are no keys: callers need an access token."
          : "There are no keys: every caller is the principal local.",
      );
    for (const line of table(all, columnsOf(keys), terminal.output)) terminal.print(line);
  });
}

export function revokeKey(settings: Settings, id: string, terminal: Terminal): Promise<void> {
  return withData(settings, async ({ keys, config }) => {
    await keys.revoke(id);
    terminal.print(`Key ${id} is revoked: the next request with it is refused.`);
    const isLast = (await keys.list()).every((key) => !keys.isValid(key));
    if (isLast && !alwaysAsks(config))
      terminal.print(
        "It was the last valid one. The server stays closed: it accepts no HTTP client.\n" +
          `Make a new key (${commandLine("keys create --principal NAME")}), or let this machine's programs in without one ` +
          `(${commandLine("keys open")}).`,
      );
  });
}

/** Undo the effect of the last revocation: callers need no key, as before the first one. */
export function openKeys(
  settings: Settings,
  { yes = false }: { yes?: boolean },
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async ({ keys, config }) => {
    if (alwaysAsks(config))
      return terminal.print(
        "Nothing was opened: by its settings the server always asks for credentials.",
      );
    if (!(await keys.any())) return terminal.print("It is open: there are no keys.");
    const question =
      "Every program on this machine then comes in without a key, as the principal local. Open?";
    if (!yes && !(await confirm(terminal, question, "Nothing was opened")))
      return terminal.print("Nothing was opened.");
    await keys.open();
    terminal.print(
      "Open: on loopback no key is required. A server that others reach still requires one, and does not start " +
        "without a key.",
    );
  });
}

export function listPasskeys(
  settings: Settings,
  { json, principal }: { json?: boolean; principal?: string },
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async ({ passkeys }) => {
    const all = await passkeys.list(principal);
    if (json) return terminal.print(JSON.stringify(all.map(shownPasskey)));
    if (all.length === 0)
      return terminal.print(
        "There are no passkeys. People add them in the console, under Account.",
      );
    for (const line of table(all, PASSKEY_COLUMNS, terminal.output)) terminal.print(line);
  });
}

export function removePasskey(settings: Settings, id: string, terminal: Terminal): Promise<void> {
  return withData(settings, async ({ passkeys }) => {
    await passkeys.remove(id);
    terminal.print(`Passkey ${id} is removed: what it let in is out.`);
  });
}

/** A key as people and programs see it: never with its hash. */
const shown = ({ id, principal, scope, expiresAt, createdAt, lastUsedAt, revokedAt }: ApiKey) => ({
  id,
  principal,
  scopes: ALL_SCOPES.filter((one) => includes(scope, one)),
  created_at: isoTime(createdAt),
  last_used_at: isoTime(lastUsedAt),
  expires_at: isoTime(expiresAt),
  revoked_at: isoTime(revokedAt),
});

const shownPasskey = (passkey: Passkey) => ({
  id: passkey.id,
  principal: passkey.principal,
  name: passkey.label,
  scopes: ALL_SCOPES.filter((one) => includes(passkey.scope, one)),
  key: passkey.keyId,
  created_at: isoTime(passkey.createdAt),
  last_used_at: isoTime(passkey.lastUsedAt),
});

const PASSKEY_COLUMNS: Column<Passkey>[] = [
  { head: "id", text: ({ id }) => id },
  { head: "principal", text: ({ principal }) => oneLine(principal), flexible: true },
  { head: "name", text: ({ label }) => oneLine(label), flexible: true },
  { head: "scope", text: ({ scope }) => scope },
  { head: "key", text: ({ keyId }) => keyId ?? "", spare: 3 },
  { head: "created", text: ({ createdAt }) => localTime(createdAt), spare: 2 },
  { head: "last used", text: ({ lastUsedAt }) => lastUse(lastUsedAt), spare: 1 },
];

const columnsOf = (keys: Data["keys"]): Column<ApiKey>[] => [
  { head: "id", text: ({ id }) => id },
  { head: "principal", text: ({ principal }) => oneLine(principal), flexible: true },
  { head: "scope", text: ({ scope }) => scope },
  { head: "created", text: ({ createdAt }) => localTime(createdAt), spare: 2 },
  { head: "last used", text: ({ lastUsedAt }) => lastUse(lastUsedAt), spare: 1 },
  { head: "state", text: (key) => stateOf(key, keys.isValid(key)) },
];

const lastUse = (at: number | null): string =>
  at === null ? "never" : relativeTime(at, Date.now());

function stateOf({ revokedAt, expiresAt }: ApiKey, valid: boolean): string {
  if (revokedAt !== null) return `revoked ${localTime(revokedAt)}`;
  if (expiresAt === null) return "valid";
  return `${valid ? "until" : "expired"} ${localTime(expiresAt)}`;
}

function readScopes(text: string): Scope {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !(ALL_SCOPES as readonly string[]).includes(name));
  const highest = highestScope(names);
  // Refuse two scopes that do not include each other: a key has one scope, and would lose the other.
  const lost = names.some((name) => highest && !includes(highest, name as Scope));
  if (unknown.length > 0 || highest === undefined || lost)
    throw expectedError("scopes", `${eitherOf(ALL_SCOPES)}; metrics stands alone`, text);
  return highest;
}

function readLifetime(text: string): number {
  const ms = readDuration(text);
  if (ms === undefined) throw expectedError("expires", "a duration such as 90d or never", text);
  return ms;
}

// `holdfast keys`: who may come in over HTTP.
import Table from "cli-table3";
import type { App } from "../app.ts";
import type { ApiKey } from "../auth/api-keys.ts";
import { highestScope, SCOPES, type Scope } from "../auth/principal.ts";
import { readDuration } from "../config.ts";
import type { Settings } from "../holdfast.ts";
import { isoTime } from "../kernel/clock.ts";
import { AppError } from "../kernel/errors.ts";
import type { Terminal } from "./terminal.ts";
import { withApp } from "./with-app.ts";

/** Colours belong on terminals only, and this table needs none. */
const PLAIN = { head: [], border: [] };

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
  const create = async ({ keys }: App): Promise<void> => {
    const { stored, key } = await keys.create(options);
    if (json) return terminal.print(JSON.stringify({ ...shown(stored), key }));
    terminal.print(key);
    terminal.warn(
      `This key of ${principal} is shown only now. Programs send it as "Authorization: Bearer …". ` +
        "From now on the server asks everybody for a key; sessions made without one belong to the principal local.",
    );
  };
  // Keys are often made before the server's first start.
  await withApp(settings, create, { create: true });
}

export function listKeys(
  settings: Settings,
  { json }: { json?: boolean },
  terminal: Terminal,
): Promise<void> {
  return withApp(settings, async ({ keys }) => {
    const all = await keys.list();
    if (json) return terminal.print(JSON.stringify(all.map(shown)));
    if (all.length === 0)
      return terminal.print(
        "There are no keys: whoever reaches the server is the principal local.",
      );
    const table = new Table({
      style: PLAIN,
      head: ["id", "principal", "scopes", "created", "last used", "state"],
    });
    for (const key of all) table.push(row(key, keys.isValid(key)));
    terminal.print(table.toString());
  });
}

export function revokeKey(settings: Settings, id: string, terminal: Terminal): Promise<void> {
  return withApp(settings, async ({ keys }) => {
    await keys.revoke(id);
    terminal.print(`Key ${id} is revoked: the next request with it is refused.`);
  });
}

/** As people and programs see a key: never its hash. */
const shown = ({ id, principal, scope, expiresAt, createdAt, lastUsedAt, revokedAt }: ApiKey) => ({
  id,
  principal,
  scopes: SCOPES.slice(0, SCOPES.indexOf(scope) + 1),
  created_at: isoTime(createdAt),
  last_used_at: time(lastUsedAt),
  expires_at: time(expiresAt),
  revoked_at: time(revokedAt),
});

const time = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));

function row(key: ApiKey, valid: boolean): string[] {
  const { id, principal, scopes, created_at, last_used_at, expires_at, revoked_at } = shown(key);
  const state = revoked_at
    ? `revoked ${revoked_at}`
    : valid
      ? `until ${expires_at ?? "revoked"}`
      : `expired ${expires_at}`;
  return [id, principal, scopes.join(", "), created_at, last_used_at ?? "never", state];
}

function readScopes(text: string): Scope {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !(SCOPES as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new AppError(
      "start",
      `scopes: ${JSON.stringify(unknown.join(","))} is wrong; ${SCOPES.join(", ")} are accepted`,
    );
  return highestScope(names)!;
}

function readLifetime(text: string): number {
  const ms = readDuration(text);
  if (ms === undefined)
    throw new AppError(
      "start",
      `expires: ${JSON.stringify(text)} is wrong; a duration such as 90d, or never, is accepted`,
    );
  return ms;
}

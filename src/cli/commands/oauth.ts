// `holdfast clients` and `holdfast grants`: the programs that sign in through this server, and what people have allowed
// them.
import type { Data } from "../../app/data.ts";
import type { Settings } from "../../config/config.ts";
import { isoTime } from "../../lib/clock.ts";
import { nameOf } from "../../oauth/client-metadata.ts";
import type { OAuthClient, OAuthGrant } from "../../oauth/store.ts";
import { type Column, table } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { oneLine } from "../terminal/text.ts";
import { localTime, relativeTime } from "../terminal/times.ts";
import { withData } from "../with-data.ts";

interface ListFlags {
  json?: boolean;
}

export function listGrants(
  settings: Settings,
  { json, principal }: ListFlags & { principal?: string },
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async ({ grants }) => {
    const all = await grants.list(principal);
    if (json) return terminal.print(JSON.stringify(all.map(shownGrant)));
    if (all.length === 0) return terminal.print("Nobody has allowed a program anything.");
    for (const line of table(all, GRANT_COLUMNS, terminal.output)) terminal.print(line);
  });
}

export function revokeGrant(settings: Settings, id: string, terminal: Terminal): Promise<void> {
  return withData(settings, async ({ grants }) => {
    await grants.revoke(id);
    terminal.print(`Grant ${id} is revoked: the next request with a token of it is refused.`);
  });
}

export function listClients(
  settings: Settings,
  { json }: ListFlags,
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async ({ oauthClients }) => {
    const all = await oauthClients.list();
    if (json) return terminal.print(JSON.stringify(all.map(shownClient)));
    if (all.length === 0)
      return terminal.print(
        "No program has registered. Those with a document of their own need not.",
      );
    for (const line of table(all, CLIENT_COLUMNS, terminal.output)) terminal.print(line);
  });
}

export interface ClientFlags extends ListFlags {
  name: string;
  redirect: string[];
}

export function createClient(
  settings: Settings,
  { name, redirect, json }: ClientFlags,
  terminal: Terminal,
): Promise<void> {
  const create = async ({ oauthClients }: Data): Promise<void> => {
    const client = await oauthClients.create({ name, redirects: redirect });
    if (json) return terminal.print(JSON.stringify(shownClient(client)));
    terminal.print(client.id);
    terminal.warn(`This is the client id of ${oneLine(name)}. It has no secret: leave that empty.`);
  };
  return withData(settings, create, { create: true });
}

export function deleteClient(settings: Settings, id: string, terminal: Terminal): Promise<void> {
  return withData(settings, async ({ oauthClients }) => {
    await oauthClients.delete(id);
    terminal.print(`Client ${id} is deleted, with all that people have allowed it.`);
  });
}

const shownGrant = (grant: OAuthGrant) => ({
  id: grant.id,
  principal: grant.principal,
  client: grant.clientId,
  client_name: grant.clientName,
  redirect_host: grant.redirectHost,
  scopes: grant.scope.split(" "),
  key: grant.keyId,
  created_at: isoTime(grant.createdAt),
  last_used_at: isoTime(grant.lastUsedAt),
  expires_at: isoTime(grant.expiresAt),
});

const GRANT_COLUMNS: Column<OAuthGrant>[] = [
  { head: "id", text: ({ id }) => id },
  { head: "principal", text: ({ principal }) => oneLine(principal), flexible: true },
  { head: "program", text: ({ clientName }) => oneLine(clientName), flexible: true },
  { head: "at", text: ({ redirectHost }) => oneLine(redirectHost), spare: 2 },
  { head: "scope", text: ({ scope }) => scope.split(" ").at(-1)! },
  { head: "renewed", text: ({ lastUsedAt }) => relativeTime(lastUsedAt, Date.now()), spare: 1 },
];

const shownClient = ({ id, kind, metadata, createdAt, expiresAt }: OAuthClient) => ({
  id,
  name: nameOf({ ...metadata, client_id: id }),
  kind,
  redirect_uris: metadata["redirect_uris"],
  created_at: isoTime(createdAt),
  expires_at: isoTime(expiresAt),
});

const CLIENT_COLUMNS: Column<OAuthClient>[] = [
  { head: "id", text: ({ id }) => id },
  {
    head: "name",
    text: ({ id, metadata }) => oneLine(nameOf({ ...metadata, client_id: id })),
    flexible: true,
  },
  { head: "kind", text: ({ kind }) => kind, spare: 2 },
  { head: "created", text: ({ createdAt }) => localTime(createdAt), spare: 3 },
  {
    head: "state",
    text: ({ expiresAt }) =>
      expiresAt === null ? "kept" : `unused, goes ${relativeTime(expiresAt, Date.now())}`,
    spare: 1,
  },
];

// The authorization server: see src/oauth/store.ts.
import { index, pgTable, primaryKey } from "drizzle-orm/pg-core";
import type { RecordKind } from "../../../../oauth/store.ts";
import { binary, json, number, text } from "../columns.ts";
import { passkeys } from "./access.ts";

export const oauthClients = pgTable(
  "oauth_clients",
  {
    id: text().primaryKey(),
    kind: text().$type<"registered" | "manual" | "documented">().notNull(),
    metadata: json<Record<string, unknown>>().notNull(),
    createdAt: number("created_at").notNull(),
    expiresAt: number("expires_at"),
  },
  (t) => [index("oauth_clients_expiry").on(t.expiresAt)],
);

export const oauthGrants = pgTable(
  "oauth_grants",
  {
    id: text().primaryKey(),
    principal: text().notNull(),
    clientId: text("client_id").notNull(),
    clientName: text("client_name").notNull(),
    redirectHost: text("redirect_host").notNull(),
    scope: text().notNull(),
    keyId: text("key_id"),
    passkeyId: text("passkey_id").references(() => passkeys.id, { onDelete: "cascade" }),
    createdAt: number("created_at").notNull(),
    lastUsedAt: number("last_used_at").notNull(),
    expiresAt: number("expires_at").notNull(),
  },
  (t) => [
    index("oauth_grants_principal").on(t.principal, t.lastUsedAt),
    index("oauth_grants_client").on(t.clientId),
    index("oauth_grants_passkey").on(t.passkeyId),
    index("oauth_grants_expiry").on(t.expiresAt),
  ],
);

/** Tokens, codes and sign-ins under way, by the SHA-256 of their secret. */
export const oauthRecords = pgTable(
  "oauth_records",
  {
    kind: text().$type<RecordKind>().notNull(),
    hash: binary().notNull(),
    grantId: text("grant_id").references(() => oauthGrants.id, { onDelete: "cascade" }),
    payload: json<Record<string, unknown>>().notNull(),
    consumedAt: number("consumed_at"),
    expiresAt: number("expires_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.kind, t.hash] }),
    index("oauth_records_grant").on(t.grantId),
    index("oauth_records_expiry").on(t.expiresAt),
  ],
);

/** The private key that signs ID tokens: one row. */
export const oauthKeys = pgTable("oauth_keys", {
  id: number().primaryKey(),
  jwk: json<Record<string, unknown>>().notNull(),
  createdAt: number("created_at").notNull(),
});

// The authorization server: see src/oauth/store.ts.
import { blob, index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { passkeys } from "./access.ts";

export const oauthClients = sqliteTable(
  "oauth_clients",
  {
    id: text().primaryKey(),
    kind: text({ enum: ["registered", "manual", "documented"] }).notNull(),
    metadata: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at"),
  },
  (t) => [index("oauth_clients_expiry").on(t.expiresAt)],
);

export const oauthGrants = sqliteTable(
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
    createdAt: integer("created_at").notNull(),
    lastUsedAt: integer("last_used_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
  },
  (t) => [
    index("oauth_grants_principal").on(t.principal, t.lastUsedAt),
    index("oauth_grants_client").on(t.clientId),
    index("oauth_grants_passkey").on(t.passkeyId),
    index("oauth_grants_expiry").on(t.expiresAt),
  ],
);

/** Tokens, codes and sign-ins under way, by the SHA-256 of their secret. */
export const oauthRecords = sqliteTable(
  "oauth_records",
  {
    kind: text({
      enum: ["AccessToken", "AuthorizationCode", "Interaction", "RefreshToken"],
    }).notNull(),
    hash: blob({ mode: "buffer" }).notNull(),
    grantId: text("grant_id").references(() => oauthGrants.id, { onDelete: "cascade" }),
    payload: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
    consumedAt: integer("consumed_at"),
    expiresAt: integer("expires_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.kind, t.hash] }),
    index("oauth_records_grant").on(t.grantId),
    index("oauth_records_expiry").on(t.expiresAt),
  ],
);

/** The private key that signs ID tokens: one row. */
export const oauthKeys = sqliteTable("oauth_keys", {
  id: integer().primaryKey(),
  jwk: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
  createdAt: integer("created_at").notNull(),
});

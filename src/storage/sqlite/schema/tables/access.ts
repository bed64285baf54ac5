// Keys, sign-ins and the audit.
import { blob, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** API keys. The first key turns authentication on for all callers. */
export const apiKeys = sqliteTable("api_keys", {
  id: text().primaryKey(),
  /** SHA-256 of the secret part. */
  hash: blob({ mode: "buffer" }).notNull(),
  principal: text().notNull(),
  scope: text({ enum: ["metrics", "read", "write", "admin"] }).notNull(),
  createdAt: integer("created_at").notNull(),
  lastUsedAt: integer("last_used_at"),
  expiresAt: integer("expires_at"),
  revokedAt: integer("revoked_at"),
});

/** Passkeys that people have enrolled: see src/auth/passkeys.ts. Their sign-ins and grants go with them. */
export const passkeys = sqliteTable(
  "passkeys",
  {
    id: text().primaryKey(),
    /** In base64url, as WebAuthn's JSON has it. */
    credentialId: text("credential_id").notNull(),
    publicKey: blob("public_key", { mode: "buffer" }).notNull(),
    counter: integer().notNull(),
    transports: text({ mode: "json" }).$type<string[]>().notNull(),
    principal: text().notNull(),
    scope: text({ enum: ["metrics", "read", "write", "admin"] }).notNull(),
    /** The API key of the sign-in that enrolled it. */
    keyId: text("key_id"),
    label: text().notNull(),
    createdAt: integer("created_at").notNull(),
    lastUsedAt: integer("last_used_at"),
  },
  (t) => [
    uniqueIndex("passkeys_credential").on(t.credentialId),
    index("passkeys_principal").on(t.principal, t.createdAt),
  ],
);

/** What browsers are to sign, by the SHA-256 of it. */
export const passkeyChallenges = sqliteTable(
  "passkey_challenges",
  {
    hash: blob({ mode: "buffer" }).primaryKey(),
    /** Who enrols a passkey; null for a sign-in. */
    principal: text(),
    expiresAt: integer("expires_at").notNull(),
  },
  (t) => [index("passkey_challenges_expiry").on(t.expiresAt)],
);

/** Sessions of browsers in the console, and one-time links: see src/auth/browser-sessions.ts. */
export const browserSessions = sqliteTable(
  "browser_sessions",
  {
    /** SHA-256 of the secret. */
    hash: blob({ mode: "buffer" }).primaryKey(),
    kind: text({ enum: ["session", "link"] }).notNull(),
    principal: text().notNull(),
    scope: text({ enum: ["metrics", "read", "write", "admin"] }).notNull(),
    /** The API key that signed in; null for a link. */
    keyId: text("key_id"),
    passkeyId: text("passkey_id").references(() => passkeys.id, { onDelete: "cascade" }),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
  },
  (t) => [
    index("browser_sessions_principal").on(t.principal, t.createdAt),
    index("browser_sessions_expiry").on(t.expiresAt),
    index("browser_sessions_passkey").on(t.passkeyId),
  ],
);

/** Keys that sign request states. The newest signs; older ones only verify. */
export const signingKeys = sqliteTable("signing_keys", {
  id: integer().primaryKey({ autoIncrement: true }),
  secret: blob({ mode: "buffer" }).notNull(),
  createdAt: integer("created_at").notNull(),
});

/** Audit entries for people: actor, action and subject. They outlive their subjects. */
export const audit = sqliteTable(
  "audit",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    at: integer().notNull(),
    principal: text().notNull(),
    action: text().notNull(),
    /** The id of the session or key. */
    subject: text().notNull(),
    detail: text(),
  },
  (t) => [index("audit_at").on(t.at), index("audit_principal").on(t.principal, t.action)],
);

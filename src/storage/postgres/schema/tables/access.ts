// Keys, sign-ins and the audit.
import { index, pgTable, uniqueIndex } from "drizzle-orm/pg-core";
import { binary, id, json, number, text } from "../columns.ts";

/** API keys. The first key turns authentication on for all callers. */
export const apiKeys = pgTable("api_keys", {
  id: text().primaryKey(),
  /** SHA-256 of the secret part. */
  hash: binary().notNull(),
  principal: text().notNull(),
  scope: text().$type<"metrics" | "read" | "write" | "admin">().notNull(),
  createdAt: number("created_at").notNull(),
  lastUsedAt: number("last_used_at"),
  expiresAt: number("expires_at"),
  revokedAt: number("revoked_at"),
});

/** Passkeys that people have enrolled: see src/auth/passkeys.ts. Their sign-ins and grants go with them. */
export const passkeys = pgTable(
  "passkeys",
  {
    id: text().primaryKey(),
    /** In base64url, as WebAuthn's JSON has it. */
    credentialId: text("credential_id").notNull(),
    publicKey: binary("public_key").notNull(),
    counter: number().notNull(),
    transports: json<string[]>().notNull(),
    principal: text().notNull(),
    scope: text().$type<"metrics" | "read" | "write" | "admin">().notNull(),
    /** The API key of the sign-in that enrolled it. */
    keyId: text("key_id"),
    label: text().notNull(),
    createdAt: number("created_at").notNull(),
    lastUsedAt: number("last_used_at"),
  },
  (t) => [
    uniqueIndex("passkeys_credential").on(t.credentialId),
    index("passkeys_principal").on(t.principal, t.createdAt),
  ],
);

/** What browsers are to sign, by the SHA-256 of it. */
export const passkeyChallenges = pgTable(
  "passkey_challenges",
  {
    hash: binary().primaryKey(),
    /** Who enrols a passkey; null for a sign-in. */
    principal: text(),
    expiresAt: number("expires_at").notNull(),
  },
  (t) => [index("passkey_challenges_expiry").on(t.expiresAt)],
);

/** Sessions of browsers in the console, and one-time links: see src/auth/browser-sessions.ts. */
export const browserSessions = pgTable(
  "browser_sessions",
  {
    /** SHA-256 of the secret. */
    hash: binary().primaryKey(),
    kind: text().$type<"session" | "link">().notNull(),
    principal: text().notNull(),
    scope: text().$type<"metrics" | "read" | "write" | "admin">().notNull(),
    /** The API key that signed in; null for a link. */
    keyId: text("key_id"),
    passkeyId: text("passkey_id").references(() => passkeys.id, { onDelete: "cascade" }),
    createdAt: number("created_at").notNull(),
    expiresAt: number("expires_at").notNull(),
  },
  (t) => [
    index("browser_sessions_principal").on(t.principal, t.createdAt),
    index("browser_sessions_expiry").on(t.expiresAt),
    index("browser_sessions_passkey").on(t.passkeyId),
  ],
);

/** Keys that sign request states. The newest signs; older ones only verify. */
export const signingKeys = pgTable("signing_keys", {
  id: id(),
  secret: binary().notNull(),
  createdAt: number("created_at").notNull(),
});

/** Audit entries for people: actor, action and subject. They outlive their subjects. */
export const audit = pgTable(
  "audit",
  {
    id: id(),
    at: number().notNull(),
    principal: text().notNull(),
    action: text().notNull(),
    /** The id of the session or key. */
    subject: text().notNull(),
    detail: text(),
  },
  (t) => [index("audit_at").on(t.at), index("audit_principal").on(t.principal, t.action)],
);

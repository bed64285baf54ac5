// Every threat that docs/security.md names has tests: here is which.
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const text = readFileSync(new URL("docs/security.md", root), "utf8");

const TESTS: Readonly<Record<string, readonly string[]>> = {
  "A leaked session or client id": ["access/tools.test.ts"],
  "A leaked `Mcp-Session-Id`": ["access/client-credentials.test.ts"],
  "A call that outlives its rights": [
    "access/rights-end.test.ts",
    "access/recovered-rights.test.ts",
  ],
  "Stored text that poses as a list or a turn": ["sessions/text-is-data.test.ts"],
  "Unwanted shares": ["access/consent.test.ts"],
  "A web page that calls a server on loopback": ["http/messages.test.ts", "http/cors.test.ts"],
  "A web page that posts a form to the console": ["console/forms.test.ts"],
  "Stored text that runs in the console": ["console/pages.test.ts"],
  "A hostile file that is imported": [
    "transfer/forms.test.ts",
    "transfer/hostile.test.ts",
    "console/server-pages.test.ts",
  ],
  "A stolen database file": ["access/api-keys.test.ts"],
  "A guessed or forged token": ["access/oauth.test.ts"],
  "A passkey used by another site, again, or by a copy": ["access/passkeys.test.ts"],
  "A program that poses as another one": [
    "access/oauth-attacks.test.ts",
    "access/oauth-documents.test.ts",
  ],
  "A code or token that goes to somebody else": ["access/oauth-attacks.test.ts"],
  "A link that leads to a stranger's page": ["access/oauth-attacks.test.ts"],
  "A stolen code or refresh token": ["access/oauth-attacks.test.ts", "access/oauth-grants.test.ts"],
  "A web page that allows a program, or frames that page": ["access/oauth-attacks.test.ts"],
  "A token for another server, or for too much": ["access/oauth-grants.test.ts"],
  "Rights that were withdrawn": ["access/oauth-grants.test.ts"],
  "An address that makes the server reach inside": ["access/oauth-documents.test.ts"],
  "A flood of registrations or sign-ins": ["access/oauth-attacks.test.ts", "contract/oauth.ts"],
  "`requestState` that a client has changed": ["modern/request-state.test.ts"],
  "`requestState` that is used again": ["modern/request-state-use.test.ts"],
  "An answer that reaches another question": ["legacy/server-requests.test.ts"],
  "A principal that fills the database": ["storage/accounts.test.ts"],
  "Deleted text that stays elsewhere": ["storage/traces.test.ts"],
  "A greedy client": [
    "http/limits.test.ts",
    "storage/limits-of-storage.test.ts",
    "access/stream-credentials.test.ts",
    "http/input.test.ts",
  ],
  "A stream whose key was revoked or token has expired": ["access/stream-credentials.test.ts"],
  "A connection that sends slowly, or nothing": ["http/hostile.test.ts"],
  "Smuggled requests, endless bodies, deep nesting": ["http/hostile.test.ts", "http/fuzz.test.ts"],
  "Compressed bodies that unpack to any size": ["http/limits.test.ts"],
  "Secrets in logs": ["telemetry/logs.test.ts", "cli/settings.test.ts", "access/api-keys.test.ts"],
  "Numbers about others (`/metrics`)": ["telemetry/metrics.test.ts"],
  "Counts of others' data and calls": ["access/counts-of-others.test.ts", "console/live.test.ts"],
  "A prompt that is search syntax": ["chat/recall.test.ts"],
  "A repeated request": ["idempotency/request-keys.test.ts"],
};

const section = text.slice(text.indexOf("\n## Threats\n")).split("\n## ")[1]!;
const threats = [...section.matchAll(/^\| (.+?) +\|/gm)].map(([, threat]) => threat!).slice(2);

it("each threat has its tests, and they are there", () => {
  expect(threats.toSorted()).toEqual(Object.keys(TESTS).toSorted());
  for (const file of Object.values(TESTS).flat())
    expect(existsSync(new URL(`test/${file}`, root)), file).toBe(true);
});

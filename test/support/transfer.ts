// Export and import as the command does them, inside the test's own process.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type App, buildApp } from "../../src/app/app.ts";
import { asTexts, loadConfig, type Settings } from "../../src/config/config.ts";
import type { Format } from "../../src/transfer/formats/format.ts";
import { whereOf } from "../../src/transfer/formats/skipped.ts";
import type { Imported } from "../../src/transfer/import.ts";
import { temporaryFolder } from "./folder.ts";

export const ID = "11111111-1111-4111-8111-111111111111";
export const TIME = "2026-01-02T03:04:05.678Z";

/** An app on a folder, or on a new one; it is closed at the test's end. */
export async function appOn(folder = temporaryFolder(), settings: Settings = {}): Promise<App> {
  const flags = asTexts({ durability: "normal", ...settings, "data-dir": folder });
  const app = await buildApp({ config: loadConfig({ flags }) });
  onTestFinished(() => app.stop());
  return app;
}

/** All sessions, the oldest first. */
export async function exported(app: App): Promise<string> {
  const { sessions } = await app.operator.list(undefined, { limit: 10_000 });
  const inOrder = sessions.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  let text = "";
  for (const session of inOrder)
    for await (const part of app.transfer.export(session, "jsonl")) text += part;
  return text;
}

export interface ImportSetup {
  format?: Format;
  principal?: string;
  keepOwners?: boolean;
  dryRun?: boolean;
  strict?: boolean;
}

/** The outcome of each session of a file with this content. */
export async function imported(
  app: App,
  content: string | Buffer,
  {
    format = "auto",
    principal = "local",
    keepOwners = false,
    dryRun = false,
    strict,
  }: ImportSetup = {},
): Promise<Imported[]> {
  const file = join(temporaryFolder(), "input");
  writeFileSync(file, content);
  await using source = await app.transfer.open([file], { format, owner: principal, strict });
  const { sessions } = source;
  const ownerOf = ({ header }: (typeof sessions)[number]) =>
    (keepOwners ? header.owner : undefined) ?? principal;
  return await Array.fromAsync(app.transfer.import(sessions, { ownerOf, dryRun }));
}

/** The skipped parts of a file with this content: `conversation 2: message b: …`. */
export async function skippedOf(app: App, content: string): Promise<string[]> {
  const file = join(temporaryFolder(), "input");
  writeFileSync(file, content);
  await using source = await app.transfer.open([file], { format: "auto", owner: "local" });
  return source.skipped.map((one) => `${whereOf(one)}: ${one.reason}`);
}

export const outcomes = (results: readonly Imported[]): string[] =>
  results.map(({ outcome }) => outcome);

/** The import's own time in it, left out. */
export const timeless = (text: string): string =>
  text.replaceAll(/"last_active_at":"[^"]*"/g, '"last_active_at":"…"');

export const sessionLine = (more: object = {}): object => ({
  ...{ type: "session", format: "holdfast", version: 1, id: ID, owner: "local", name: "work" },
  ...{ title: "Reef", system: null, pinned: false, created_at: TIME, last_active_at: TIME },
  ...more,
});

export const stateLine = (key: string, more: object = {}): object => ({
  ...{ type: "state", key, value: { a: 1 }, version: 2, updated_at: TIME, expires_at: null },
  ...more,
});

export const messageLine = (seq: number, more: object = {}): object => ({
  ...{ type: "message", seq, role: "user", content: `message ${seq}`, status: "complete" },
  ...{ model: null, input_tokens: null, output_tokens: null, request_key: null, created_at: TIME },
  ...more,
});

export const endLine = (state: number, messages: number): object => ({
  ...{ type: "end", state, messages },
});

/** JSON Lines. */
export const jsonl = (...lines: readonly unknown[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join("");

/** A session of so many messages and one key, as a file. */
export const sessionFile = (messages: number, head: object = {}, key: object = {}): string =>
  jsonl(
    sessionLine(head),
    stateLine("k", key),
    ...Array.from({ length: messages }, (_, n) => messageLine(n + 1)),
    endLine(1, messages),
  );

/** The questions that came in, in the order of their sessions' use. */
export const questions = async (app: App): Promise<string[]> =>
  [...(await exported(app)).matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text!).sort();

/** The questions that come in from these files, and the skipped parts. */
export async function takenFrom(
  paths: readonly string[],
  options: { strict?: boolean } = {},
): Promise<{ texts: string[]; skipped: string[] }> {
  const app = await appOn();
  await using source = await app.transfer.open(paths, {
    ...{ format: "auto", owner: "local" },
    ...options,
  });
  await Array.fromAsync(
    app.transfer.import(source.sessions, { ownerOf: () => "local", dryRun: false }),
  );
  return {
    texts: await questions(app),
    skipped: source.skipped.map((skipped) => `${whereOf(skipped)}: ${skipped.reason}`),
  };
}

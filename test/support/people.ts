// A server that asks for credentials, and the people who come to it with theirs, in either era.
import { randomUUID } from "node:crypto";
import { onTestFinished } from "vitest";
import type { App } from "../../src/app/app.ts";
import type { Scope } from "../../src/auth/principal.ts";
import type { Settings } from "../../src/config/config.ts";
import { createHoldfast, type HoldfastOptions } from "../../src/holdfast.ts";
import { bearer } from "./bearer.ts";
import { dataFolder } from "./folder.ts";
import { askModern } from "./modern.ts";
import { type Answer, type CallAnswer, calling, initialize, post, RawClient, read } from "./raw.ts";

export const ERAS = ["2025", "2026"] as const;
export type Era = (typeof ERAS)[number];

export interface KeyedServer {
  url: string;
  folder: string;
  app: App;
  /** A new key. */
  key(principal: string, options?: { scope?: Scope; lifetimeMs?: number }): Promise<string>;
  /** Somebody with a new key, who has introduced herself where the era wants that. */
  person(principal: string, era?: Era, scope?: Scope): Promise<Person>;
}

/** Runs in the test's own process; nobody gets in without a key. */
export async function serveWithKeys(
  config: Settings = {},
  parts: Pick<HoldfastOptions, "tools" | "prompts" | "command"> = {},
): Promise<KeyedServer> {
  const folder = dataFolder();
  const place = "database-url" in config ? {} : { "data-dir": folder };
  const settings = { port: 0, ...place, durability: "normal", ...config };
  const running = await createHoldfast({ ...parts, env: {} }).run("http", settings);
  onTestFinished(() => running.stop());
  const { app } = running;
  const url = running.url!;
  const key: KeyedServer["key"] = async (
    principal,
    { scope = "write", lifetimeMs = Infinity } = {},
  ) => (await app.keys.create({ principal, scope, lifetimeMs })).key;
  await key("the operator", { scope: "admin" });
  return {
    ...{ url, folder, app, key },
    person: async (principal, era = "2026", scope) => ({
      ...(await speak(url, era, await key(principal, { ...(scope && { scope }) }))),
      accept: async (other, session) =>
        modern(url, await key(other)).call("session_accept", { session }),
    }),
  };
}

/** A program that speaks for somebody. */
export interface Person {
  readonly key: string | undefined;
  readonly headers: Record<string, string>;
  /** The 2025-era client, where there is one. */
  readonly client: RawClient | undefined;
  ask(method: string, params?: object): Promise<Answer>;
  call(tool: string, args?: object): Promise<CallAnswer>;
  /** Says yes for somebody else, who was offered a share. */
  accept?(principal: string, session: string): Promise<unknown>;
  /** The same program with another query in its address. */
  at(query: string): Person;
}

/** A 2025-era client with a key, under the id of its own introduction or another one. */
export const keyedClient = (url: string, id: string, key: string | undefined): RawClient =>
  new RawClient(url, id, "2025-11-25", bearer(key));

/** `clientId` stands for a 2025-era client that somebody else has introduced. */
export async function speak(
  url: string,
  era: Era,
  key: string | undefined,
  clientId?: string,
): Promise<Person> {
  if (era === "2026") return modern(url, key);
  return legacy(url, clientId ?? (await introduceWithKey(url, key)), key);
}

export async function introduceWithKey(url: string, key: string | undefined): Promise<string> {
  const answer = await read(await post(url, initialize(), bearer(key)));
  const id = answer.headers.get("mcp-session-id");
  if (id === null) throw new Error(`initialize: ${answer.status} ${answer.text}`);
  return id;
}

function legacy(url: string, id: string, key: string | undefined): Person {
  const client = keyedClient(url, id, key);
  return {
    ...{ key, client, headers: client.headers },
    ask: (method, params) => client.ask(method, params),
    call: (tool, args) => client.call(tool, args),
    at: (query) => legacy(`${new URL(`?${query}`, url)}`, id, key),
  };
}

function modern(url: string, key: string | undefined): Person {
  const headers = bearer(key);
  const ask: Person["ask"] = (method, params) => askModern(url, method, params, { headers });
  return {
    ...{ key, headers, client: undefined, ask },
    call: async (name, args = {}) => calling(await ask("tools/call", { name, arguments: args })),
    at: (query) => modern(`${new URL(`?${query}`, url)}`, key),
  };
}

/** An id of nothing. */
export const nobodys = (): string => randomUUID();

/** The contents of an answer without the ids of the question and the request: a stranger can tell apart no more. */
export function saying(answer: Answer, id: string): object {
  const text = (value: unknown): string => JSON.stringify(value ?? null).replaceAll(id, "ID");
  const messages = answer.messages.map(({ id: _, ...message }) => text(message));
  return { status: answer.status, type: answer.headers.get("content-type"), messages };
}

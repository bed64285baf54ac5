// Who reaches a 2025-era client by its `Mcp-Session-Id`: the credentials that introduced it, and nothing else of its
// principal. And what each scope may send: the table of methods and routes, walked in both eras.
import { describe, expect, it, onTestFinished } from "vitest";
import { includes, type Scope, SCOPES } from "../../src/auth/principal.ts";
import { METHOD_SCOPES, ROUTE_SCOPES } from "../../src/mcp/scopes.ts";
import { bearer } from "../support/bearer.ts";
import { openDatabase } from "../support/database.ts";
import { serveHere } from "../support/here.ts";
import { startIssuer } from "../support/issuer.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import {
  introduceWithKey,
  keyedClient,
  nobodys,
  saying,
  serveWithKeys,
} from "../support/people.ts";
import {
  initialize,
  introduce,
  type Json,
  post,
  type RawClient,
  read,
  rpc,
} from "../support/raw.ts";

const get = ({ url, headers }: RawClient, more: Record<string, string> = {}): Promise<Response> => {
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const signal = leaving.signal;
  return fetch(url, { headers: { ...headers, accept: "text/event-stream", ...more }, signal });
};

const WAYS: Record<string, (client: RawClient, lastEventId: string) => Promise<Response>> = {
  request: (client) => client.post(rpc("tools/list")),
  call: (client) => client.post(rpc("tools/call", { name: "session_info" })),
  cancellation: (client) =>
    client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 42 } }),
  answer: (client) => client.post({ jsonrpc: "2.0", id: "e0.0", result: sampled("forged") }),
  "answer of another round": (client) =>
    client.post({ jsonrpc: "2.0", id: "e0.1", result: sampled("forged") }),
  stream: (client) => get(client),
  "resumed stream": (client, last) => get(client, { "last-event-id": last }),
  end: (client) => fetch(client.url, { method: "DELETE", headers: client.headers }),
};

const sampled = (text: string) => ({
  role: "assistant",
  model: "own-1",
  content: { type: "text", text },
});

/** The messages of an event stream as they come. */
async function* messagesOf(response: Response): AsyncGenerator<Json> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const lines = text.split("\n");
    text = lines.pop()!;
    for (const line of lines)
      if (line.startsWith("data: {")) yield JSON.parse(line.slice(6)) as Json;
  }
}

describe("a client of a key", () => {
  it.each(SCOPES)(
    "is nobody's for another key of its principal with the scope %s",
    async (scope) => {
      const { url, key } = await serveWithKeys();
      const [own, other] = [await key("ada"), await key("ada", { scope })];
      const capabilities = { sampling: {} };
      const ada = await introduce(url, { headers: bearer(own), capabilities });
      const chat = rpc("tools/call", { name: "chat", arguments: { prompt: "?" } }, 42);
      const messages = messagesOf(await ada.post(chat));
      const { value: question } = (await messages.next()) as { value: Json };
      expect(question["method"]).toBe("sampling/createMessage");

      const thief = keyedClient(url, ada.id, other);
      const stranger = keyedClient(url, nobodys(), other);
      for (const [way, send] of Object.entries(WAYS)) {
        const answer = await read(await send(thief, "1.1"));
        expect(answer.status, way).toBe(404);
        const none = await read(await send(stranger, "1.1"));
        expect(saying(answer, thief.id), way).toEqual(saying(none, stranger.id));
      }

      await ada.post({ jsonrpc: "2.0", id: question["id"], result: sampled("Go on.") });
      expect((await messages.next()).value).toMatchObject({
        id: 42,
        result: { content: [{ text: expect.stringContaining("Go on.") }] },
      });
      expect((await ada.ask("ping")).status).toBe(200);
    },
  );

  it("is shown to nobody by its id", async () => {
    const { url, key } = await serveWithKeys();
    const own = await key("ada");
    const ada = keyedClient(url, await introduceWithKey(url, own), own);
    await ada.call("history_append", { role: "user", content: "Hello" });
    for (const answer of [
      await ada.call("session_list"),
      await ada.call("session_info"),
      await ada.call("history_search", { query: "hello", scope: "all" }),
      await ada.ask("resources/list"),
      await ada.ask("resources/read", { uri: "holdfast://sessions" }),
    ])
      expect(answer.text).not.toContain(ada.id);
  });

  it("passes to a key that has at least its scope when its own is revoked, and to that one alone", async () => {
    const { url, key, app } = await serveWithKeys();
    const [own, less, next, third] = [
      await key("ada"),
      await key("ada", { scope: "read" }),
      await key("ada"),
      await key("ada"),
    ];
    const id = await introduceWithKey(url, own);
    const statusFor = async (one: string) => (await keyedClient(url, id, one).ask("ping")).status;
    await keyedClient(url, id, own).call("state_set", { key: "k", value: 1 });
    expect(await statusFor(next)).toBe(404);
    await app.keys.revoke(own.split("_")[1]!);
    expect(await statusFor(less)).toBe(404);
    expect(await statusFor(next)).toBe(200);
    expect(await statusFor(third)).toBe(404);
    const goesOn = await keyedClient(url, id, next).call("state_get", { key: "k" });
    expect(goesOn.data["value"]).toBe(1);
  });

  it("is not pushed out by introductions with another key of its principal", async () => {
    const { url, key } = await serveWithKeys({ "max-clients": 10 });
    const [own, other] = [await key("ada"), await key("ada", { scope: "read" })];
    const id = await introduceWithKey(url, own);
    for (let i = 0; i < 15; i++) await introduceWithKey(url, other);
    expect((await keyedClient(url, id, own).ask("ping")).status).toBe(200);
  });

  it("of an earlier version goes on under its id, and is theirs who come first", async () => {
    const { url, folder, key } = await serveWithKeys();
    const [own, other] = [await key("ada"), await key("ada")];
    const id = await introduceWithKey(url, own);
    openDatabase(folder, { readonly: false }).exec(
      "UPDATE clients SET credentials = NULL, scope = NULL, own_session_id = id",
    );
    const set = await keyedClient(url, id, own).call("state_set", { key: "k", value: 1 });
    expect(set.data["session"]).toBe(id);
    expect((await keyedClient(url, id, other).ask("ping")).status).toBe(404);
  });
});

describe("a client of an OAuth token", () => {
  it("goes on with a renewed token, for no other program and with no lesser scope", async () => {
    const issuer = await startIssuer();
    const { url } = await serveHere({ config: { "auth-issuer": issuer.url } });
    const token = (claims: object) =>
      issuer.token({ sub: "ada", aud: url, client_id: "editor", scope: "write", ...claims });
    const id = await introduceWithKey(url, await token({}));
    const statusFor = async (claims: object) =>
      (await keyedClient(url, id, await token(claims)).ask("ping")).status;
    expect(await statusFor({ jti: "renewed" })).toBe(200);
    expect(await statusFor({ client_id: "browser" })).toBe(404);
    expect(await statusFor({ client_id: undefined, azp: "browser" })).toBe(404);
    expect(await statusFor({ scope: "read" })).toBe(404);
    expect(await statusFor({ sub: "bob" })).toBe(404);
    expect(await statusFor({ client_id: undefined, azp: "editor" })).toBe(200);
    // A program that has asked for more goes on, and keeps it to itself.
    expect(await statusFor({ scope: "write admin" })).toBe(200);
    expect(await statusFor({})).toBe(404);
  });
});

/** What a well-behaved client sends; a tool of each scope that there is. */
const PARAMS: Record<string, object> = {
  initialize: initialize()["params"] as object,
  "tools/call": { name: "state_set", arguments: { key: "k", value: 1 } },
  "resources/read": { uri: "holdfast://sessions" },
  "resources/subscribe": { uri: "holdfast://sessions" },
  "resources/unsubscribe": { uri: "holdfast://sessions" },
  "subscriptions/listen": { notifications: {} },
  "prompts/get": { name: "continue_conversation" },
  "completion/complete": {
    ref: { type: "ref/prompt", name: "continue_conversation" },
    argument: { name: "session", value: "" },
  },
  "logging/setLevel": { level: "info" },
  "notifications/cancelled": { requestId: 99 },
  "notifications/progress": { progressToken: "x", progress: 1 },
};

describe("the table of scopes", () => {
  const needed = (method: string): Scope => {
    const scope = METHOD_SCOPES[method]!;
    return scope === "tool" ? "write" : scope;
  };

  it.each(SCOPES)("decides for the scope %s and every method, in both eras", async (scope) => {
    const { url, key: newKey } = await serveWithKeys();
    const key = await newKey("ada", { scope });
    const client = keyedClient(url, await introduceWithKey(url, key), key);
    for (const method of Object.keys(METHOD_SCOPES)) {
      const allowed = includes(scope, needed(method));
      const params = PARAMS[method] ?? {};
      const isNotice = method.startsWith("notifications/");
      const legacy = isNotice ? { jsonrpc: "2.0", method, params } : rpc(method, params);
      const modern = modernRequest(method, params);
      if (isNotice) delete modern["id"];
      for (const answer of [
        await read(await client.post(legacy)),
        await read(await client.post([legacy])),
        await read(await post(url, legacy, bearer(key))),
        await read(await postModern(url, modern, { headers: bearer(key) })),
      ]) {
        expect(answer.status === 403, method).toBe(!allowed);
        const challenge = answer.headers.get("www-authenticate") ?? "";
        if (!allowed) expect(challenge).toContain(`scope="${needed(method)}"`);
      }
    }
  });

  it.each(SCOPES)("decides for the scope %s and every route", async (scope) => {
    const { url, key: newKey } = await serveWithKeys();
    const key = await newKey("ada", { scope });
    const client = keyedClient(url, await introduceWithKey(url, key), key);
    for (const [route, wanted] of Object.entries(ROUTE_SCOPES)) {
      const [method, path] = route.split(" ") as [string, string];
      const leaving = new AbortController();
      const response = await fetch(new URL(path, url), {
        ...{ method, signal: leaving.signal },
        headers: { ...client.headers, accept: "application/json, text/event-stream" },
        ...(method === "POST" && { body: "{}" }),
      });
      expect(response.status === 403, route).toBe(!includes(scope, wanted));
      leaving.abort();
    }
  });
});

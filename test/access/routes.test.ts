// Every route with somebody else's ids in it: what is another's is answered like what does not exist.
import { describe, expect, it } from "vitest";
import { bearer } from "../support/bearer.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import {
  introduceWithKey,
  keyedClient,
  type KeyedServer,
  nobodys,
  saying,
  serveWithKeys,
  speak,
} from "../support/people.ts";
import {
  type Answer,
  eventsOf,
  initialize,
  post,
  type RawClient,
  read,
  rpc,
} from "../support/raw.ts";

/** A client of Ana's that is in use, and the keys of everybody else. */
async function anasClient() {
  const server = await serveWithKeys();
  const ana = (await server.person("ana", "2025")).client!;
  await ana.call("state_set", { key: "cat", value: "Ada" });
  await ana.call("session_share", { principal: "rita" });
  await ana.call("session_share", { principal: "will", access: "write" });
  return { server, ana, keys: await othersKeys(server) };
}

/** Neither is another's client theirs whom a session is shared with, nor the operator's. */
const othersKeys = async ({ key }: KeyedServer): Promise<Record<string, string>> => ({
  stranger: await key("sven"),
  reader: await key("rita"),
  writer: await key("will"),
  operator: await key("root", { scope: "admin" }),
});

const WAYS: Record<string, (client: RawClient, lastEventId: string) => Promise<Response>> = {
  POST: (client) => client.post(rpc("tools/list")),
  "POST of a call": (client) => client.post(rpc("tools/call", { name: "session_info" })),
  "POST of a notification": (client) =>
    client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }),
  "POST of an answer": (client) => client.post({ jsonrpc: "2.0", id: 1, result: {} }),
  "POST of a subscription": (client) => client.post(rpc("resources/subscribe", { uri: "x:y" })),
  GET: (client) => get(client),
  "GET after an event": (client, last) => get(client, { "last-event-id": last }),
  DELETE: (client) => fetch(client.url, { method: "DELETE", headers: client.headers }),
};

const get = ({ url, headers }: RawClient, more: Record<string, string> = {}) =>
  fetch(url, { headers: { ...headers, accept: "text/event-stream", ...more } });

/** The id of the first event of a stream that is waiting for nothing but time. */
async function firstEventId(client: RawClient): Promise<string> {
  const reader = (await client.listen()).body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const id = /^id: ?(.+)$/m.exec(text)?.[1];
    if (id !== undefined) return id;
    text += (await reader.read()).value!;
  }
}

describe("another's client id", () => {
  it.each(Object.keys(WAYS))(
    "is for %s as if there were none, and its client does not notice",
    async (way) => {
      const { server, ana, keys } = await anasClient();
      const last = await firstEventId(ana);
      for (const [who, key] of Object.entries(keys)) {
        const [id, none] = [ana.id, nobodys()];
        const as = async (client: string) =>
          read(await WAYS[way]!(keyedClient(server.url, client, key), last));
        const answer = await as(id);
        expect(answer.status, who).toBe(404);
        expect(saying(answer, id), who).toEqual(saying(await as(none), none));
      }
      expect((await ana.call("state_get", { key: "cat" })).data["value"]).toBe("Ada");
    },
  );

  it.each(Object.keys(WAYS))(
    "and %s, without a key or with a bad one, get a challenge and nothing else",
    async (way) => {
      const { server, ana } = await anasClient();
      const revoked = await server.key("ana");
      await server.app.keys.revoke(revoked.split("_")[1]!);
      const expired = await server.key("ana", { lifetimeMs: 0 });
      for (const key of [undefined, revoked, expired, "x", `${revoked}x`]) {
        const as = async (client: string) =>
          read(await WAYS[way]!(keyedClient(server.url, client, key), "1-1"));
        const answer = await as(ana.id);
        expect(answer.status).toBe(401);
        expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
        expect(answer.headers.get("mcp-session-id")).toBeNull();
        expect(saying(answer, ana.id)).toEqual(saying(await as("other"), "other"));
      }
      expect((await ana.call("state_get", { key: "cat" })).data["value"]).toBe("Ada");
    },
  );
});

it("another's event id brings nothing of another's stream", async () => {
  const { server, ana, keys } = await anasClient();
  const last = await firstEventId(ana);
  for (const key of Object.values(keys)) {
    const own = keyedClient(server.url, await introduceWithKey(server.url, key), key);
    const answer = await read(await get(own, { "last-event-id": last }));
    expect(answer.status).toBe(410);
    const unknown = await read(await get(own, { "last-event-id": last.replace(/\d+/, "999999") }));
    expect(saying(answer, last)).toEqual(saying(unknown, last));
  }
});

it("nobody else can cancel a call, or answer for its client", async () => {
  const { server, keys } = await anasClient();
  const ana = await speak(server.url, "2025", await server.key("ana"));
  const call = rpc("tools/call", { name: "chat", arguments: { prompt: "Who?" } }, 7);
  const running = ana.client!.post(call);
  for (const key of Object.values(keys)) {
    const other = keyedClient(server.url, await introduceWithKey(server.url, key), key);
    await other.post({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: 7 },
    });
    await other.post({ jsonrpc: "2.0", id: 7, result: { content: [] } });
  }
  const [message] = eventsOf(await (await running).text());
  expect(message).toMatchObject({ id: 7, result: { structuredContent: { model: "recall" } } });
});

describe("without credentials", () => {
  const unauthorized = (answer: Answer) => {
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
  };

  it("nobody is introduced, answered or listened to, in either era", async () => {
    const { url } = await serveWithKeys();
    unauthorized(await read(await post(url, initialize())));
    for (const method of ["tools/list", "server/discover", "prompts/list", "resources/list"])
      unauthorized(await read(await postModern(url, modernRequest(method))));
    const listening = modernRequest("subscriptions/listen", { notifications: {} });
    unauthorized(await read(await postModern(url, listening)));
    for (const method of ["PUT", "PATCH", "OPTIONS", "HEAD"])
      expect((await fetch(url, { method })).status, method).toBe(401);
  });

  it("a key in the address or the body counts for nothing", async () => {
    const { url, key } = await serveWithKeys();
    const token = await key("ana");
    const [, id, secret] = /^hf_([^_]+)_(.+)$/.exec(token)!; // a secret may have underscores
    for (const query of [`access_token=${token}`, `key=${token}`, `token=${token}`])
      unauthorized(await read(await post(`${url}?${query}`, initialize())));
    const wrong = ["Basic", "bearer:", "Token", ""].map((scheme) => `${scheme} ${token}`);
    for (const authorization of [...wrong, `Bearer hf_${id}_`, `Bearer ${secret}`])
      unauthorized(await read(await post(url, initialize(), { authorization })));
    for (const authorization of ["Bearer", `Bearer ${token} ${token}`]) {
      const malformed = await read(await post(url, initialize(), { authorization }));
      expect(malformed.status).toBe(400);
      expect(malformed.headers.get("www-authenticate")).toMatch(/^Bearer error="invalid_request"/);
    }
    const accepted = await read(await post(url, initialize(), bearer(token)));
    expect(accepted.status).toBe(200);
  });

  it("only whether the server lives is told", async () => {
    const { url } = await serveWithKeys();
    for (const path of ["/healthz", "/readyz"]) {
      const response = await fetch(new URL(path, url));
      expect([response.status, await response.text()]).toEqual([200, "ok\n"]);
    }
  });
});

it("a key that is revoked is refused at the next request, its principal's other keys are not", async () => {
  const { url, key, app } = await serveWithKeys();
  const [one, two] = [await key("ana"), await key("ana")];
  const id = await introduceWithKey(url, one);
  expect((await keyedClient(url, id, one).call("session_info")).status).toBe(200);
  await app.keys.revoke(one.split("_")[1]!);
  expect((await keyedClient(url, id, one).call("session_info")).status).toBe(401);
  expect((await keyedClient(url, id, two).call("session_info")).status).toBe(200);
});

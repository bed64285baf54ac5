// What is wrong with an HTTP request is said precisely, with the right status, and costs nobody anything: after every
// refused request the session still works and nothing of it is lost.
import { describe, expect, it } from "vitest";
import { serveAtTime, serveHere } from "../support/here.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { MODERN } from "../support/modern.ts";
import {
  type Answer,
  BOTH,
  calling,
  initialize,
  introduce,
  post,
  postToHost,
  type RawClient,
  read,
  rpc,
} from "../support/raw.ts";
import { clientWithData, expectIntact, expectRefused } from "../support/refusals.ts";
import { rows } from "../support/rows.ts";

const MEGABYTE = 1024 * 1024;

describe("a body", () => {
  it.each(["", "{", "state_get", '{"jsonrpc":"2.0",}', "\u0000"])(
    "that is not JSON (%j) is a parse error",
    async (body) => {
      const client = await clientWithData((await serveHere()).url);
      expectRefused(await read(await client.post(body)), 400, -32700, /not valid JSON/);
      await expectIntact(client);
    },
  );

  it.each([
    "null",
    "42",
    '"ping"',
    "{}",
    '{"jsonrpc":"1.0","id":1,"method":"ping"}',
    '{"jsonrpc":"2.0","id":null,"method":"ping"}',
    '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    '{"jsonrpc":"2.0","id":1,"method":7}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","params":"all"}',
    "[1]",
    "[[]]",
  ])("that is not JSON-RPC (%s) is an invalid request", async (body) => {
    const client = await clientWithData((await serveHere()).url, "2025-03-26");
    const id = body.startsWith('{"jsonrpc"') && body.includes('"id":1') ? 1 : null;
    expectRefused(await read(await client.post(body)), 400, -32600, /JSON-RPC/, id);
    await expectIntact(client);
  });

  it("that is not UTF-8 is a parse error, and is not stored with its characters replaced", async () => {
    const client = await clientWithData((await serveHere()).url);
    const call = rpc("tools/call", {
      name: "state_set",
      arguments: { key: "kept", value: "caf@" },
    });
    const latin1 = Buffer.from(JSON.stringify(call).replace("@", "é"), "latin1");
    const headers = { ...client.headers, "content-type": "application/json", accept: BOTH };
    const answer = await read(
      await fetch(client.url, { method: "POST", headers, body: new Uint8Array(latin1) }),
    );
    expect(answer.status).toBe(400);
    await expectIntact(client);
  });

  it("that is nested very deeply is stored or refused, without a word about the server's insides", async () => {
    const { url } = await serveHere();
    const [client, other] = [await clientWithData(url), await introduce(url)];
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const call = rpc("tools/call", { name: "state_set", arguments: { key: "deep", value: "@" } });
    const answer = calling(await read(await other.post(JSON.stringify(call).replace('"@"', deep))));
    const { text } = await other.call("state_get", { key: "deep" });
    expect(text.includes(deep)).toBe(!answer.isError);
    await expectIntact(client);
    expect(answer.text).not.toMatch(/call stack/);
  });
});

describe("the size of a body", () => {
  const padded = (bytes: number): string => JSON.stringify(rpc("ping")).padEnd(bytes, " ");

  const inChunks = (client: RawClient, text: string): Promise<Response> =>
    fetch(client.url, {
      method: "POST",
      headers: { ...client.headers, "content-type": "application/json", accept: BOTH },
      body: new Blob([text]).stream(),
      duplex: "half",
    } as RequestInit);

  for (const [setting, limit] of [
    [undefined, 4 * MEGABYTE],
    ["64kb", 64 * 1024],
  ] as const) {
    const config = setting ? { "max-body": setting } : {};
    const called = setting ? `a configured ${setting}` : "4 MB, the default";

    it(`may be ${called}, and one byte more is refused`, async () => {
      const client = await clientWithData((await serveHere({ config })).url);
      expect((await read(await client.post(padded(limit)))).status).toBe(200);
      const tooLarge = await read(await client.post(padded(limit + 1)));
      expectRefused(tooLarge, 413, -32000, new RegExp(`${limit} bytes.*max-body`));
      await expectIntact(client);
    });

    it(`may be ${called}, also when it comes in chunks of unknown number`, async () => {
      const client = await clientWithData((await serveHere({ config })).url);
      expect((await read(await inChunks(client, padded(limit)))).status).toBe(200);
      const tooLarge = await read(await inChunks(client, padded(limit + 1)));
      expectRefused(tooLarge, 413, -32000, new RegExp(`${limit} bytes.*max-body`));
      await expectIntact(client);
    });

    it(`may be ${called}, and what is ten times that costs the next requests nothing`, async () => {
      const client = await clientWithData((await serveHere({ config })).url);
      expect((await read(await inChunks(client, padded(10 * limit)))).status).toBe(413);
      await expectIntact(client);
      expect((await read(await client.post(padded(10 * limit)))).status).toBe(413);
      await expectIntact(client);
    });
  }
});

describe("media types", () => {
  it.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"])(
    "a POST of %s is refused",
    async (type) => {
      const client = await clientWithData((await serveHere()).url);
      const answer = await read(await client.post(rpc("ping"), { "content-type": type }));
      expectRefused(answer, 415, -32000, /application\/json/);
      await expectIntact(client);
    },
  );

  it.each(["text/event-stream", "text/html", "image/*"])(
    "a POST that accepts only %s is refused",
    async (accept) => {
      const client = await clientWithData((await serveHere()).url);
      const answer = await read(await client.post(rpc("ping"), { accept }));
      expectRefused(answer, 406, -32000, /application\/json, and text\/event-stream/);
      await expectIntact(client);
    },
  );

  it.each(["application/json", "text/html"])("a GET that accepts %s is refused", async (accept) => {
    const client = await clientWithData((await serveHere()).url);
    const answer = await read(await fetch(client.url, { headers: { ...client.headers, accept } }));
    expectRefused(answer, 406, -32000, /text\/event-stream/);
    await expectIntact(client);
  });

  it("are read as HTTP writes them: parameters, wildcards and capitals", async () => {
    const client = await clientWithData((await serveHere()).url);
    const variants: Record<string, string>[] = [
      { "content-type": "application/json; charset=utf-8" },
      { "content-type": "Application/JSON" },
      { accept: "*/*" },
      { accept: "Text/Event-Stream;q=0.5, application/*" },
    ];
    for (const headers of variants) {
      expect((await read(await client.post(rpc("ping"), headers))).status).toBe(200);
    }
  });
});

describe("methods and paths", () => {
  it.each(["PUT", "PATCH", "OPTIONS"])(
    "%s is answered with the methods there are",
    async (method) => {
      const client = await clientWithData((await serveHere()).url);
      const answer = await read(await fetch(client.url, { method, headers: client.headers }));
      expectRefused(answer, 405, -32000, /not allowed/);
      expect(answer.headers.get("allow")).toBe("POST, GET, DELETE");
      await expectIntact(client);
    },
  );

  it("a slash at the end of the address changes nothing, and nobody is sent elsewhere", async () => {
    const client = await clientWithData((await serveHere()).url);
    client.url += "/";
    const ask = async (method: string, headers = {}) => {
      const request = { method, headers: { ...client.headers, ...headers } };
      return (await fetch(client.url, { ...request, redirect: "error" })).status;
    };
    expect((await client.call("state_get", { key: "kept" })).isError).toBe(false);
    expect((await client.listen()).status).toBe(200);
    expect(await ask("OPTIONS")).toBe(405);
    expect((await post(`${client.url}?name=work`, rpc("ping"), client.headers)).status).toBe(200);
    expect(await ask("DELETE")).toBe(200);
    expect((await client.ask("ping")).status).toBe(404); // it has ended
  });

  it.each(["GET", "DELETE"])(
    "%s of 2026-07-28 is answered with the one method it has",
    async (method) => {
      const client = await clientWithData((await serveHere()).url);
      const headers = { accept: "*/*", "mcp-protocol-version": MODERN };
      const answer = await read(await fetch(client.url, { method, headers }));
      expectRefused(answer, 405, -32000, /not allowed/);
      expect(answer.headers.get("allow")).toBe("POST");
      await expectIntact(client);
    },
  );

  it("HEAD opens no stream", async () => {
    const client = await clientWithData((await serveHere()).url);
    const headers = { ...client.headers, accept: "text/event-stream" };
    const answer = await fetch(client.url, { method: "HEAD", headers });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("POST, GET, DELETE");
    await expectIntact(client);
  });

  it.each(["/", "/mcp//", "/mcp/a/b", "/nothing"])("nothing is at %s", async (path) => {
    const client = await clientWithData((await serveHere()).url);
    const answer = await read(
      await post(new URL(path, client.url).href, rpc("ping"), client.headers),
    );
    expectRefused(answer, 404, -32000, /MCP is at \/mcp/);
    await expectIntact(client);
  });
});

describe("headers", () => {
  const everyWay = (client: RawClient, headers: Record<string, string>): Promise<Answer>[] =>
    [
      post(client.url, rpc("ping"), headers),
      fetch(client.url, { headers: { accept: "text/event-stream", ...headers } }),
      fetch(client.url, { method: "DELETE", headers }),
    ].map(async (response) => read(await response));

  it("an unsupported protocol version is refused without a session, naming the supported ones", async () => {
    const client = await clientWithData((await serveHere()).url);
    const answer = await read(
      await post(client.url, rpc("ping"), { "mcp-protocol-version": "1999-01-01" }),
    );
    expectRefused(answer, 400, -32000, /1999-01-01 .*2025-11-25, 2025-06-18, 2025-03-26/);
    await expectIntact(client);
  });

  it("a request without an Mcp-Session-Id is told to initialize by every method, where sessions are wanted", async () => {
    const config = { "default-session": "own" };
    const client = await clientWithData((await serveHere({ config })).url);
    const [posted, got, deleted] = await Promise.all(everyWay(client, {}));
    for (const answer of [posted!, deleted!])
      expectRefused(answer, 400, -32000, /Mcp-Session-Id is missing.*initialize/);
    expectRefused(got!, 405, -32000, /Mcp-Session-Id.*initialize/);
    await expectIntact(client);
  });

  it("an unknown, a malformed, an ended and an expired id get the same answer", async () => {
    const clock = new ManualClock();
    const here = await serveAtTime(clock, { "max-age": "1h" });
    const expired = await introduce(here.url);
    const connections = () => rows(here.folder, "SELECT * FROM connections");
    await expect.poll(connections).toHaveLength(1); // a program without a stream is there for a while
    clock.advance(3_600_001);
    await expect.poll(connections).toEqual([]);
    const ended = await introduce(here.url);
    await ended.end();
    const client = await clientWithData(here.url);
    const ids = [crypto.randomUUID(), "' OR 1=1 --", client.id.toUpperCase(), ended.id, expired.id];
    const texts = new Set<string>();
    for (const id of ids) {
      for (const answer of await Promise.all(everyWay(client, { "mcp-session-id": id }))) {
        expectRefused(answer, 404, -32001, /initialize/);
        texts.add(answer.text);
      }
    }
    expect([...texts]).toHaveLength(1);
    await expectIntact(client);
  });

  it("a foreign Host is refused, whatever the request, until the setting allowed-hosts names it", async () => {
    const client = await clientWithData((await serveHere()).url);
    for (const host of ["mcp.example.org", "localhost.example.org", "127.0.0.1.example.org:80"]) {
      const answer = await postToHost(client.url, host, rpc("ping"), client.headers);
      expectRefused(answer, 403, -32000, /Host.*allowed-hosts/);
    }
    expect((await postToHost(client.url, "localhost:1", rpc("ping"), client.headers)).status).toBe(
      200,
    );
    await expectIntact(client);

    const open = await serveHere({
      config: { "allowed-hosts": "MCP.example.org, second.example", "insecure-no-auth": true },
    });
    const send = (host: string) => postToHost(open.url, host, initialize());
    expect((await send("mcp.example.org")).status).toBe(200);
    expect((await send("Second.Example:8443")).status).toBe(200);
    expect((await send("third.example")).status).toBe(403);
  });

  it("a foreign Origin is refused, until the setting allowed-hosts names its host", async () => {
    const client = await clientWithData((await serveHere()).url);
    for (const origin of [
      "https://mcp.example.org",
      "http://localhost.example.org",
      "null",
      "file://",
    ]) {
      const answer = await read(await client.post(rpc("ping"), { origin }));
      expectRefused(answer, 403, -32000, /Origin.*allowed-hosts/);
    }
    const local = await client.post(rpc("ping"), { origin: "http://localhost:5173" });
    expect((await read(local)).status).toBe(200);
    await expectIntact(client);

    const open = await serveHere({
      config: { "allowed-hosts": "mcp.example.org", "insecure-no-auth": true },
    });
    const send = async (origin: string) => read(await post(open.url, initialize(), { origin }));
    expect((await send("https://mcp.example.org")).status).toBe(200);
    expect((await send("https://evil.example.org")).status).toBe(403);
  });
});

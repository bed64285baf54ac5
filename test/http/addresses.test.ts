// Addresses and headers as programs of the field send them: /mcp/NAME, mistyped parameters, Accept, versions, old transports.
import { describe, expect, it } from "vitest";
import { defineTool } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import { askModern, callModern, MODERN } from "../support/modern.ts";
import { calling, initialize, introduce, post, read, rpc } from "../support/raw.ts";

const call = (name: string, args: object = {}) => rpc("tools/call", { name, arguments: args });

describe("/mcp/NAME", () => {
  it("is /mcp?name=NAME, encoded or with a slash at its end, for POST, GET and DELETE", async () => {
    const { url } = await serveHere();
    for (const [path, name] of [
      ["work", "work"],
      ["work/", "work"],
      ["my%20w%C3%B6rk%2F1", "my wörk/1"],
    ]) {
      const client = await introduce(`${url}/${path}`);
      await client.call("state_set", { key: "path", value: path });
      const found = await callModern(`${url}?name=${encodeURIComponent(name!)}`, "state_get", {
        key: "path",
      });
      expect(found.data["value"]).toBe(path);
      expect((await client.listen()).status).toBe(200);
      expect((await client.end()).status).toBe(200);
    }
    expect((await callModern(`${url}/work?name=work`, "state_get", { key: "path" })).status).toBe(
      200,
    );
  });

  it("is refused when it is not readable, or when the query names another session", async () => {
    const { url } = await serveHere();
    for (const [path, word] of [
      ["/work?name=home", "twice"],
      [`/work?session=${crypto.randomUUID()}`, "twice"],
      ["?name=a&name=b", "twice"],
      ["/%E0%A4%A", "percent-encoded"],
      ["?name=caf%E9", "percent-encoded"],
      ["?session=%ED%A0%80", "percent-encoded"],
    ]) {
      const answer = await read(await post(`${url}${path}`, rpc("ping")));
      expect(answer.status).toBe(400);
      expect(answer.text).toContain(word);
    }
  });
});

it("a mistyped parameter is refused with the right spelling; what is not ours is left alone", async () => {
  const { url } = await serveHere();
  for (const [wrong, right] of [
    ...[
      ["nam", "name"],
      ["Name", "name"],
      ["NAME", "name"],
      ["sesion", "session"],
    ],
    ...[
      ["session_id", "session"],
      ["sessionId", "session"],
      ["tool", "tools"],
    ],
  ]) {
    for (const message of [initialize(), rpc("ping")]) {
      const answer = await read(await post(`${url}?${wrong}=work`, message));
      expect(answer.status).toBe(400);
      expect(answer.text).toContain(`did you mean ${right}?`);
    }
  }
  const other = await post(`${url}?utm_source=a&name=work&key=1`, rpc("ping"));
  expect(other.status).toBe(200);
});

describe("Accept", () => {
  const slow = defineTool({
    name: "slow",
    description: "Tells progress.",
    async handler({ progress }) {
      await progress(1);
      return "done";
    },
  });

  it.each(["application/json", "*/*", "application/json, text/event-stream;q=0"])(
    "%s gets JSON, also at the end of a call that would stream",
    async (accept) => {
      const { url } = await serveHere({ tools: [slow] });
      const client = await introduce(url);
      const params = { name: "slow", arguments: {}, _meta: { progressToken: 1 } };
      for (const headers of [{ accept }, { accept, ...client.headers }]) {
        const quick = await read(await post(url, rpc("ping"), headers));
        expect(quick).toMatchObject({ status: 200, messages: [{ result: {} }] });
        for (let again = 0; again < 2; again++) {
          const answer = await read(await post(url, rpc("tools/call", params, 9), headers));
          expect(answer.headers.get("content-type")).toBe("application/json");
          expect(answer.messages).toMatchObject([{ id: 9, result: {} }]);
          expect(calling(answer).says).toContain("done");
        }
      }
      const modern = await askModern(url, "tools/call", params, { headers: { accept } });
      expect(calling(modern).says).toContain("done");
      expect(modern.headers.get("content-type")).toBe("application/json");
    },
  );
});

it("a living session is served under a newer, an older, a wrong and no protocol version", async () => {
  const { url } = await serveHere();
  const client = await introduce(url);
  const { session } = (await client.call("state_set", { key: "k", value: 1 })).data;
  for (const version of [MODERN, "2099-01-01", "2024-11-05", "1999-01-01", undefined]) {
    const headers: Record<string, string> = { "mcp-session-id": client.id };
    if (version !== undefined) headers["mcp-protocol-version"] = version;
    const answer = calling(await read(await post(url, call("state_get", { key: "k" }), headers)));
    expect(answer.data, version).toMatchObject({ session, value: 1 });
    const accept = "text/event-stream";
    const stream = await fetch(url, { headers: { ...headers, accept } });
    expect(stream.status).toBe(200);
    await stream.body?.cancel();
  }
});

it("server/discover and initialize are answered in any order", async () => {
  const { url } = await serveHere();
  for (let round = 0; round < 2; round++) {
    expect((await askModern(url, "server/discover")).status).toBe(200);
    const left = { "mcp-protocol-version": MODERN }; // from the question before
    const answer = await read(await post(url, initialize(), left));
    expect(answer.messages).toMatchObject([{ result: { protocolVersion: "2025-11-25" } }]);
  }
});

it("clients of HTTP+SSE are told the address to use, and a GET without a session is 405", async () => {
  const { url } = await serveHere();
  const origin = new URL(url).origin;
  const asks: [string, string, number][] = [
    ...([
      ["GET", "/sse", 404],
      ["POST", "/sse", 404],
    ] as [string, string, number][]),
    ...([
      ["POST", "/messages?sessionId=1", 404],
      ["GET", "/mcp", 405],
    ] as [string, string, number][]),
  ];
  for (const [method, path, status] of asks) {
    const headers = { accept: "text/event-stream" };
    const answer = await read(await fetch(`${origin}${path}`, { method, headers }));
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(`Streamable HTTP at ${url}`);
    if (status === 405) expect(answer.headers.get("allow")).toBe("POST, DELETE");
  }
});

// The authorization server of our own: the whole way of a program, from a refusal to a call of a tool.
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, it } from "vitest";
import { Person, program } from "../support/oauth.ts";
import { serveWithKeys } from "../support/people.ts";

const OWN = { "auth-server": "true" };

/** With a `Response` of this process, whose class the server in it has replaced: the v1 client asks for the class. */
const fetchHere = async (url: string | URL, init?: RequestInit): Promise<Response> => {
  const { status, headers, body } = await fetch(url, init);
  return new Response(status === 204 || status === 202 ? null : body, { status, headers });
};

describe.each([
  ["v1", ClientV1, TransportV1],
  ["v2", ClientV2, TransportV2],
])("the SDK's client %s", (_, Client, Transport) => {
  it("registers, sends its person here, and calls a tool as this person", async () => {
    const server = await serveWithKeys(OWN);
    const ana = new Person(server.url, await server.key("ana"));
    const mine = program();
    const connect = async () => {
      const transport = new Transport(new URL(server.url), {
        authProvider: mine as never,
        fetch: fetchHere,
      });
      const client = new Client({ name: "test", version: "1" });
      return { transport, client, connected: client.connect(transport) };
    };
    const first = await connect();
    await expect(first.connected).rejects.toThrow(/nauthorized/);
    const back = await ana.allow(mine.authorization);
    expect(back.href.startsWith("http://127.0.0.1:9/callback?code=")).toBe(true);
    expect(back.searchParams.get("iss")).toBe(new URL(server.url).origin);
    await first.transport.finishAuth(back.searchParams.get("code")!, back.searchParams.get("iss")!);
    const { client, connected } = await connect();
    await connected;
    const answer = await client.callTool({ name: "state_set", arguments: { key: "k", value: 1 } });
    expect(answer.isError).toBeFalsy();
    await client.close();
    expect((await server.app.grants.list("ana")).map(({ scope }) => scope)).toEqual(["read write"]);
  });
});

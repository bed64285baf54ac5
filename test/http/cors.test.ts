// Browsers: pages of configured origins may use the server, and nobody else's.
import { beforeEach, describe, expect, it } from "vitest";
import { bearer, createKey } from "../support/bearer.ts";
import { type Here, serveHere } from "../support/here.ts";
import { initialize, post, read } from "../support/raw.ts";

const APP = "https://app.example.org";
const EDITOR = "vscode-webview://abc";
const FOREIGN = [
  "https://app.example.org:8443",
  "http://app.example.org",
  "https://app.example.org.evil.example",
  "https://evil.example",
  "https://sub.app.example.org",
  "null",
];

let here: Here;

beforeEach(async () => {
  here = await serveHere({ config: { "cors-origins": `${APP}, ${EDITOR}` } });
});

const preflight = (origin: string, headers: string, method = "POST"): Promise<Response> =>
  fetch(here.url, {
    method: "OPTIONS",
    headers: {
      ...{ origin, "access-control-request-method": method },
      ...(headers && { "access-control-request-headers": headers }),
    },
  });

const listOf = (response: Response, header: string): string[] =>
  (response.headers.get(header) ?? "").split(",").map((name) => name.trim().toLowerCase());

describe("a preflight from a configured origin", () => {
  it.each([APP, EDITOR])("is answered without credentials: %s", async (origin) => {
    await createKey(here.folder, "--principal", "ada");
    const response = await preflight(origin, "authorization, content-type");
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    expect(listOf(response, "access-control-allow-methods")).toEqual(["get", "post", "delete"]);
    expect(listOf(response, "vary")).toContain("origin");
  });

  it("allows what MCP clients send, tools' parameters, and nothing else", async () => {
    const asked = "mcp-param-city, Mcp-Param-X_1, x-other, cookie, mcp-param-, mcp-param-a b";
    const allowed = listOf(await preflight(APP, asked), "access-control-allow-headers");
    expect(allowed.toSorted()).toEqual(
      [
        ...["content-type", "accept", "authorization", "last-event-id"],
        ...["mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"],
        ...["mcp-param-city", "mcp-param-x_1"],
      ].toSorted(),
    );
  });

  it("is answered for the documents that lead to a token", async () => {
    here = await serveHere({
      config: { "cors-origins": APP, "auth-issuer": "https://id.example.org" },
    });
    const address = new URL("/.well-known/oauth-protected-resource/mcp", here.url);
    const headers = { origin: APP, "access-control-request-method": "GET" };
    expect((await fetch(address, { method: "OPTIONS", headers })).status).toBe(204);
    const response = await fetch(address, { headers: { origin: APP } });
    expect(response.headers.get("access-control-allow-origin")).toBe(APP);
    expect(await response.json()).toMatchObject({ resource: here.url });
  });
});

describe("an answer to a configured origin", () => {
  it("shows the page the session id, the challenge and the time to wait", async () => {
    const answer = await read(await post(here.url, initialize(), { origin: APP }));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(APP);
    expect(answer.headers.get("access-control-expose-headers")?.split(",").toSorted()).toEqual([
      ...["mcp-session-id", "retry-after", "www-authenticate", "x-request-id"],
    ]);
    expect(answer.headers.get("mcp-session-id")).not.toBeNull();
  });

  it("can be read also when it is a refusal", async () => {
    const { key } = await createKey(here.folder, "--principal", "ada", "--scopes", "read");
    const send = (body: object | string, headers = {}) =>
      post(here.url, body, { origin: APP, ...headers });
    const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "chat" } };
    for (const [status, response] of [
      [401, await send(initialize())],
      [403, await send(call, bearer(key as string))],
      [400, await send("{", bearer(key as string))],
      [415, await send(initialize(), { "content-type": "text/plain", ...bearer(key as string) })],
    ] as const) {
      expect(response.status).toBe(status);
      expect(response.headers.get("access-control-allow-origin")).toBe(APP);
    }
  });

  it("can be read when it is a stream", async () => {
    const body = { ...initialize(), method: "tools/call" };
    const opened = await post(here.url, initialize(), { origin: APP });
    const headers = {
      ...{ origin: APP, "mcp-session-id": opened.headers.get("mcp-session-id")! },
      "mcp-protocol-version": "2025-11-25",
    };
    const params = { name: "chat", arguments: { prompt: "hello" } };
    const response = await post(here.url, { ...body, params }, headers);
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(response.headers.get("access-control-allow-origin")).toBe(APP);
    await response.text();
  });
});

describe("any other origin", () => {
  it.each(FOREIGN)("is refused, and gets nothing to read: %s", async (origin) => {
    for (const response of [
      await preflight(origin, "content-type"),
      await post(here.url, initialize(), { origin }),
    ]) {
      expect(response.status).toBe(403);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("of this machine passes, but pages there are not told what it says", async () => {
    const response = await post(here.url, initialize(), { origin: "http://localhost:5173" });
    expect(response.status).toBe(200);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("means nothing to a program that sends none", async () => {
    const response = await post(here.url, initialize());
    expect(response.status).toBe(200);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });
});

it("without configured origins there is no CORS at all", async () => {
  here = await serveHere();
  expect((await preflight("http://localhost:5173", "content-type")).status).toBe(405);
  expect((await preflight(APP, "content-type")).status).toBe(403);
});

// Scopes × every method and every route, in both eras; streams, questions and DELETE of a client. Whoever adds a method or
// a route adds a row here.
import { describe, expect, it, onTestFinished } from "vitest";
import { ALL_SCOPES, type Scope } from "../../src/auth/principal.ts";
import { createRoutes } from "../../src/http/routes.ts";
import { METHOD_SCOPES, ROUTE_SCOPES } from "../../src/mcp/scopes.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { bearer } from "../support/bearer.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import { ERAS, introduceWithKey, keyedClient, serveWithKeys } from "../support/people.ts";
import { initialize, type Json, type RawClient, rpc } from "../support/raw.ts";

const ACCEPT = "application/json, text/event-stream";

/** Who may, of those who come with each scope. */
const READING: readonly Scope[] = ["read", "write", "admin"];
const WRITING: readonly Scope[] = ["write", "admin"];
const MONITORING: readonly Scope[] = ["metrics", "admin"];

const uri = "holdfast://sessions";
const prompt = { name: "continue_conversation" };
const info = initialize()["params"] as Json;

/** Each method that a client may send, with what it needs. */
const METHODS: [method: string, may: readonly Scope[], params?: Json][] = [
  ["initialize", READING, info],
  ["ping", READING],
  ["server/discover", READING],
  ["tools/list", READING],
  ["tools/call", READING, { name: "session_list", arguments: {} }],
  ["tools/call", READING, { name: "no such tool", arguments: {} }],
  ["tools/call", WRITING, { name: "state_set", arguments: { key: "k", value: 1 } }],
  ["tools/call", WRITING, { name: "session_open", arguments: {} }],
  ["resources/list", READING],
  ["resources/templates/list", READING],
  ["resources/read", READING, { uri }],
  ["resources/subscribe", READING, { uri }],
  ["resources/unsubscribe", READING, { uri }],
  ["subscriptions/listen", READING, { notifications: { resourceSubscriptions: [uri] } }],
  ["prompts/list", READING],
  ["prompts/get", READING, prompt],
  ["completion/complete", READING, { ref: { type: "ref/prompt", ...prompt }, argument: {} }],
  ["logging/setLevel", READING, { level: "error" }],
  ["skills/list", READING],
  ["skills/get", READING, { name: "holdfast" }],
  ["tasks/get", READING, { taskId: "none" }],
  ["tasks/update", READING, { taskId: "none", inputResponses: {} }],
  ["tasks/cancel", READING, { taskId: "none" }],
  ["notifications/initialized", READING],
  ["notifications/cancelled", READING, { requestId: "none" }],
  ["notifications/progress", READING, { progressToken: "none", progress: 1 }],
  ["notifications/roots/list_changed", READING],
  ["no/such/method", READING],
];

/** Each route that is served: who may, of those who come with each scope; `open` for everybody, without credentials. */
const ROUTES: Record<string, readonly Scope[] | "open"> = {
  "POST /mcp": READING,
  "GET /mcp": READING,
  "DELETE /mcp": READING,
  "ALL /mcp": ALL_SCOPES, // 405
  "POST /mcp/:name": READING,
  "GET /mcp/:name": READING,
  "DELETE /mcp/:name": READING,
  "ALL /mcp/:name": ALL_SCOPES, // 405
  "GET /metrics": MONITORING,
  ...Object.fromEntries(
    [
      ...["GET /", "GET /healthz", "GET /readyz"],
      ...["ALL /sse", "ALL /message", "ALL /messages"],
      ...["ALL /authorize", "ALL /register", "ALL /token"],
      ...["ai-catalog.json", "mcp/catalog.json", "mcp/server-card.json"].map(wellKnown),
      ...["oauth-authorization-server", "oauth-protected-resource", "openid-configuration"].flatMap(
        (name) => [name, `${name}/mcp`, `${name}/mcp/:name`].map(wellKnown),
      ),
    ].map((route) => [route, "open"]),
  ),
};

function wellKnown(name: string): string {
  return `GET /.well-known/${name}`;
}

const message = (method: string, params?: Json): Json =>
  method.startsWith("notifications/")
    ? { jsonrpc: "2.0", method, ...(params && { params }) }
    : rpc(method, params, "m");

/** Only the head of an answer is wanted: some are streams without an end. */
const statusOf = async (response: Response): Promise<number> => {
  await response.body?.cancel();
  return response.status;
};

const isRefused = (status: number): boolean => status === 401 || status === 403;

it("has a row for every method that declares a scope", () => {
  const rows = new Set(METHODS.map(([method]) => method));
  expect([...rows].filter((method) => method !== "no/such/method").toSorted()).toEqual(
    Object.keys(METHOD_SCOPES).toSorted(),
  );
});

describe.each(ERAS)("in the era of %s", (era) => {
  it.each(ALL_SCOPES)(
    "a key of the scope %s may send what its scope covers, and no more",
    async (scope) => {
      const { url, key } = await serveWithKeys();
      const own = await key("ana", { scope });
      // A key that may not even introduce itself comes with the client of another one of its principal.
      const introducer = READING.includes(scope) ? own : await key("ana", { scope: "read" });
      const client = keyedClient(url, await introduceWithKey(url, introducer), own);
      for (const [method, may, params] of METHODS) {
        const response =
          era === "2026"
            ? await postModern(
                url,
                method.startsWith("notifications/")
                  ? { ...modernRequest(method, params), id: undefined }
                  : modernRequest(method, params),
                { headers: bearer(own) },
              )
            : method === "initialize"
              ? await fetch(url, {
                  method: "POST",
                  headers: { ...bearer(own), "content-type": "application/json", accept: ACCEPT },
                  body: JSON.stringify(message(method, params)),
                })
              : await client.post(message(method, params));
        const what = `${method} ${JSON.stringify(params?.["name"] ?? "")}`;
        const challenge = response.headers.get("www-authenticate") ?? "";
        const status = await statusOf(response);
        if (may.includes(scope)) expect.soft(isRefused(status), `${what}: ${status}`).toBe(false);
        else {
          expect.soft(status, what).toBe(403);
          expect.soft(challenge, what).toContain('error="insufficient_scope"');
        }
      }
    },
  );
});

describe("the streams, the questions and the end of a client", () => {
  const WAYS: Record<string, (client: RawClient, signal: AbortSignal) => Promise<Response>> = {
    "a stream": ({ url, headers }, signal) =>
      fetch(url, { headers: { ...headers, accept: "text/event-stream" }, signal }),
    "a stream from an event on": ({ url, headers }, signal) =>
      fetch(url, {
        headers: { ...headers, accept: "text/event-stream", "last-event-id": "1.0" },
        signal,
      }),
    "an answer to a question": (client) =>
      client.post({ jsonrpc: "2.0", id: "e0.1", result: { action: "accept" } }),
    "a refusal of a question": (client) =>
      client.post({ jsonrpc: "2.0", id: "e0.1", error: { code: -1, message: "No." } }),
    "a cancellation": (client) => client.post(message("notifications/cancelled", { requestId: 1 })),
    "a DELETE": ({ url, headers }) => fetch(url, { method: "DELETE", headers }),
  };

  it.each(Object.keys(WAYS))(
    "%s is for the key that introduced it, whatever others may",
    async (way) => {
      const { url, key } = await serveWithKeys();
      const leaving = new AbortController();
      onTestFinished(() => leaving.abort());
      const introducer = await key("ana");
      const id = await introduceWithKey(url, introducer);
      const come = async (by: string) =>
        statusOf(await WAYS[way]!(keyedClient(url, id, by), leaving.signal));
      for (const scope of ALL_SCOPES)
        expect
          .soft(await come(await key("ana", { scope })), scope)
          .toBe(scope === "metrics" ? 403 : 404);
      expect.soft(await come(await key("mallory"))).toBe(404);
      const own = await come(introducer);
      expect(isRefused(own) || own === 404, `${own}`).toBe(false);
    },
  );
});

describe("a route", () => {
  /** Method and address of all that the program serves, but for what stands before all of it. */
  const served = (): string[] => {
    const resource = { issuer: "https://id.example.org" };
    const parts = {
      hosts: [],
      origins: [],
      metrics: {},
      resource,
      callsPerMinute: () => 9,
      log: createLogger("silent"),
    };
    const { routes } = createRoutes(parts as never);
    const found = routes
      .filter(({ path }) => path !== "/*" && path !== "*")
      .map(({ method, path }) => `${method} ${path}`);
    return [...new Set(found)].toSorted();
  };

  it("has a row, with its scope or without one", () => {
    expect(served()).toEqual(Object.keys(ROUTES).toSorted());
    expect(Object.keys(ROUTES)).toEqual(expect.arrayContaining(Object.keys(ROUTE_SCOPES)));
  });

  /** Status without credentials, or with a key. */
  const ask = async (url: string, route: string, by?: string): Promise<number> => {
    const [method, path] = route.replace(/^ALL/, "PUT").replace(":name", "work").split(" ");
    const headers = { ...bearer(by), accept: ACCEPT, "content-type": "application/json" };
    const body = method === "POST" ? JSON.stringify(rpc("ping")) : undefined;
    return statusOf(
      await fetch(new URL(path!, url), { method: method!, headers, ...(body && { body }) }),
    );
  };

  it("asks for credentials, or is open", async () => {
    const { url } = await serveWithKeys();
    for (const [route, may] of Object.entries(ROUTES))
      expect.soft((await ask(url, route)) === 401, route).toBe(may !== "open");
  });

  it.each(ALL_SCOPES)("takes a key of the scope %s where that covers it", async (scope) => {
    const { url, key } = await serveWithKeys();
    const own = await key("ana", { scope });
    for (const [route, may] of Object.entries(ROUTES))
      if (may !== "open")
        expect.soft((await ask(url, route, own)) === 403, route).toBe(!may.includes(scope));
  });
});

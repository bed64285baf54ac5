// Anything at all, sent to /mcp with and without credentials: never a 500, never a crash, and never anybody's data.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bearer } from "../support/bearer.ts";
import { temporaryFolder } from "../support/folder.ts";
import { envelope, MODERN } from "../support/modern.ts";
import { introduceWithKey, serveWithKeys } from "../support/people.ts";
import { startServer } from "../support/process.ts";
import { post } from "../support/raw.ts";
import { runs } from "../support/runs.ts";
import { SECRET, sharedSession } from "../support/shared-session.ts";
import { head, statusOf, wire } from "../support/wire.ts";

const METHODS = [
  ...["initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/read"],
  ...["resources/subscribe", "resources/unsubscribe", "prompts/list", "prompts/get"],
  ...["completion/complete", "logging/setLevel", "server/discover", "subscriptions/listen"],
  ...["notifications/initialized", "notifications/cancelled", "__proto__", "", "x"],
];
const TOOLS = [
  ...["session_open", "session_info", "session_list", "session_update", "session_clear"],
  ...["session_delete", "session_share", "session_unshare", "state_get", "state_set"],
  ...[
    "state_delete",
    "state_list",
    "history_append",
    "history_get",
    "history_search",
    "session_fork",
    "chat_retry",
    "chat",
    "toString",
    "__proto__",
  ],
];
const KEYS = [
  ...["name", "arguments", "session", "key", "value", "uri", "cursor", "limit", "role", "content"],
  ...[
    "prompt",
    "ref",
    "argument",
    "level",
    "requestId",
    "_meta",
    "query",
    "scope",
    "what",
    "principal",
  ],
  ...["protocolVersion", "capabilities", "clientInfo", "notifications", "__proto__", "request_key"],
];

const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<unknown>(
      null,
      true,
      0,
      -1,
      1e308,
      "",
      "holdfast://sessions/%",
      "../..",
      "\0",
      "\ud800",
    ),
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.integer(),
    fc.constantFrom(...TOOLS),
    fc.array(tie("node"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("node"), { maxKeys: 4 }),
  ),
})).node;

const object = fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 5 });
const call = fc.record(
  { name: fc.constantFrom(...TOOLS), arguments: object },
  { requiredKeys: ["name"] },
);
/** Right in form: what is wild is inside. */
const request = fc.record({
  jsonrpc: fc.constant("2.0"),
  id: fc.oneof(fc.integer(), fc.string()),
  method: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
    { weight: 1, arbitrary: fc.constant("tools/call") },
  ),
  params: fc.oneof({ weight: 3, arbitrary: call }, { weight: 1, arbitrary: object }),
});
const message = fc.record(
  {
    jsonrpc: fc.constantFrom<unknown>("2.0", "1.0", 2),
    id: value,
    method: value,
    params: value,
    result: value,
    error: value,
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  { weight: 8, arbitrary: request },
  { weight: 2, arbitrary: message },
  { weight: 1, arbitrary: fc.array(fc.oneof(request, message), { maxLength: 4 }) },
  { weight: 1, arbitrary: value },
);

/** A stranger's server with a session of Ana's in it, whose id the stranger knows. */
async function target() {
  const server = await serveWithKeys({ "log-level": "silent" });
  const ana = await server.person("ana");
  const session = await sharedSession(ana);
  const key = await server.key("sven");
  return { ...server, ana, session, key: key, client: await introduceWithKey(server.url, key) };
}

/** The status, or undefined when nothing that ends came: a stream is not waited for. */
async function outcome(response: Response): Promise<{ status: number; text: string }> {
  const stream = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (!stream) return { status: response.status, text: await response.text() };
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const { value: text = "" } = await reader.read();
  await reader.cancel();
  return { status: response.status, text };
}

const printable = (text: string): string => (/^[!-~]+$/.test(text) ? text : "x");

describe("JSON-RPC bodies", () => {
  it.each(["2025 with a key", "2025 without", "2026 with a key", "2026 without"])(
    "of any kind are answered, %s: never with a 500, never with another's data",
    async (how) => {
      const { url, ana, session, key, client } = await target();
      const credentials = how.endsWith("with a key") ? bearer(key) : {};
      const old = how.startsWith("2025");
      let worked = 0;
      await fc.assert(
        fc.asyncProperty(body, fc.boolean(), async (sent, named) => {
          const first = (Array.isArray(sent) ? sent[0] : sent) as Record<string, unknown> | null;
          const method = typeof first?.["method"] === "string" ? first["method"] : "x";
          const headers: Record<string, string> = old
            ? { "mcp-session-id": client }
            : { "mcp-protocol-version": MODERN, "mcp-method": printable(method) };
          const params = first?.["params"];
          if (!old && typeof params === "object" && params !== null && !Array.isArray(params)) {
            Object.assign(params, { _meta: envelope() });
            const name = (params as Record<string, unknown>)["name"];
            if (typeof name === "string")
              headers["mcp-name"] = `=?base64?${Buffer.from(name).toString("base64")}?=`;
          }
          const address = named ? `${url}?session=${session}` : url;
          const answer = await outcome(
            await post(address, JSON.stringify(sent), { ...headers, ...credentials }),
          );
          expect(answer.status).toBeLessThan(500);
          if (answer.status === 200 && answer.text.includes('"result"')) worked += 1;
          if (credentials.authorization === undefined) expect(answer.status).toBe(401);
          expect(answer.text).not.toContain(SECRET);
          expect(answer.text).not.toMatch(/SQLITE|node_modules|\.ts:\d|Something went wrong/);
        }),
        { numRuns: 200 },
      );
      if (how.endsWith("with a key")) expect(worked).toBeGreaterThan(20); // else the fuzz ends at the door
      const history = await ana.call("history_get", { session });
      expect(history.data["messages"]).toMatchObject([{ seq: 1, content: SECRET }]);
    },
  );
});

describe("bytes on the socket", () => {
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
  const line = fc.oneof(
    fc
      .tuple(
        token,
        fc.oneof(
          fc.stringMatching(/^[ -~]{0,40}$/),
          fc.string({ unit: "binary-ascii", maxLength: 40 }),
        ),
      )
      .map(([name, v]) => `${name}: ${v}`),
    fc.constantFrom(
      ...[
        "Content-Length: 2",
        "Content-Length: -2",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
      ],
      ...[
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Host: evil",
        "Host: ",
        "Mcp-Session-Id: \u00ff",
      ],
      ...[
        "Mcp-Session-Id: __proto__",
        "Last-Event-ID: 9e99-1",
        "Last-Event-ID: 1-1",
        "Accept: ",
        "Origin: null",
      ],
      ...[
        "Origin: http://evil",
        "Mcp-Protocol-Version: 2026-07-28",
        "Content-Type: application/json; charset=x",
      ],
      ...["Authorization: Bearer ", "Authorization: Bearer hf_000000000000_", "Authorization: ÿ"],
    ),
  );
  const method = fc.constantFrom(
    "POST",
    "GET",
    "DELETE",
    "PUT",
    "HEAD",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "get",
    "",
  );
  const path = fc.oneof(
    fc.constant("/mcp"),
    fc.constantFrom(
      "/mcp?name=%ff",
      "/mcp?session=%00",
      "/mcp?name=&name=",
      "//",
      "/%",
      "/mcp/../x",
      "*",
      "http://evil/mcp",
      "",
    ),
    fc.webPath(),
  );
  const raw = fc.tuple(
    method,
    path,
    fc.array(line, { maxLength: 3 }),
    fc.oneof(fc.string({ unit: "binary-ascii", maxLength: 60 }), fc.json()),
  );

  it("of any kind get no 500 and stop nobody, where no credentials are asked for", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder });
    const { url } = server;
    const good = ["Accept: */*", "Content-Type: application/json", "Connection: close"];
    const seen = new Set<number | undefined>();
    await fc.assert(
      fc.asyncProperty(raw, fc.boolean(), async ([verb, where, lines, rest], wellFormed) => {
        const { send, socket, closed } = wire(url);
        const start = `${verb} ${where} HTTP/1.1`;
        const all = wellFormed
          ? [`Host: ${new URL(url).host}`, ...good, `Content-Length: ${rest.length}`, ...lines]
          : lines;
        send(Buffer.from(`${start}\r\n${all.join("\r\n")}\r\n\r\n${rest}`, "latin1"));
        socket.end();
        const status = statusOf(await closed);
        expect(status ?? 0).toBeLessThan(500);
        seen.add(status);
      }),
      { numRuns: runs(500) },
    );
    for (const status of [400, 403, 404, 405]) expect(seen).toContain(status); // else it ends at the door

    const { send, closed } = wire(url);
    send(head(url, ["Connection: close", "Content-Length: 2"]) + "{}");
    expect(statusOf(await closed)).toBe(400);
    expect(await server.stop()).toBe(0);
    for (const line of server.errors().trim().split("\n"))
      expect(JSON.parse(line)).toMatchObject({ level: "warn", msg: "refused", status: 403 });
  });
});

// API keys: made, listed and revoked beside a running server; shown once, stored hashed; each opens the sessions of its
// principal and no others.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { bearer, callAs, createKey, introduceAs, knock, toolsOf } from "../support/bearer.ts";
import { connect } from "../support/clients.ts";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveAtTime, serveHere } from "../support/here.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { startServer } from "../support/process.ts";
import { introduce, type Json, read, rpc } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});

const keys = (...args: string[]) => command(["keys", ...args, "--data-dir", folder]);

const list = async (): Promise<Json[]> =>
  JSON.parse((await keys("list", "--json")).stdout) as Json[];

describe("a key that is made beside a running server", () => {
  it("closes the server to everybody else at once, on loopback too", async () => {
    const { url } = await serveHere({ folder });
    const before = await introduce(url);
    expect((await before.call("state_set", { key: "k", value: 1 })).isError).toBe(false);

    const { key } = await createKey(folder, "--principal", "ada");
    for (const answer of [await before.ask("ping"), await before.end(), await knock(url)]) {
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="holdfast"');
    }
    const stream = { ...before.headers, accept: "text/event-stream" };
    expect((await fetch(url, { headers: stream })).status).toBe(401);
    expect((await fetch(new URL("/healthz", url))).status).toBe(200);

    const ada = await introduceAs(url, key as string);
    expect((await ada.call("state_set", { key: "k", value: 2 })).isError).toBe(false);
    // What was made without credentials is local's.
    const taken = await read(await ada.post(rpc("ping"), { "mcp-session-id": before.id }));
    expect(taken.status).toBe(404);
    expect((await ada.call("state_get", { session: before.id, key: "k" })).isError).toBe(true);
  });

  it("is refused as soon as it is revoked, and another one of its principal goes on", async () => {
    const { url } = await serveHere({ folder });
    const [one, two] = [
      await createKey(folder, "--principal", "ada"),
      await createKey(folder, "--principal", "ada"),
    ];
    const client = await introduceAs(url, one["key"] as string);
    await client.call("state_set", { key: "k", value: 1 });

    const revoked = await keys("revoke", one["id"] as string);
    expect(revoked).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(one["id"]) as string,
    });
    expect((await client.ask("ping")).status).toBe(401);
    expect((await callAs(url, one["key"] as string, "session_list")).status).toBe(401);

    const same = await read(await client.post(rpc("ping"), bearer(two["key"] as string)));
    expect(same.status).toBe(200);
    const found = await callAs(url, two["key"] as string, "state_get", {
      ...{ session: client.id, key: "k" },
    });
    expect(found.data).toMatchObject({ value: 1 });
    expect((await list()).map(({ id, revoked_at }) => [id, revoked_at !== null])).toEqual([
      [one["id"], true],
      [two["id"], false],
    ]);
  });

  it("leaves the server closed when all keys are revoked, says so, and keys open opens it again", async () => {
    const { url } = await serveHere({ folder });
    const { id } = await createKey(folder, "--principal", "ada");
    expect(await keys("open", "--yes")).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining(`Still valid: ${id as string}`) as string },
    });
    const { stdout } = await keys("revoke", id as string);
    expect(stdout).toMatch(/stays closed.*keys create.*keys open/s);
    expect(await keys("open")).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining("--yes") as string },
    });
    expect((await knock(url)).status).toBe(401);
    expect((await keys("open", "--yes")).code).toBe(0);
    expect((await knock(url)).status).toBe(200);
    expect(rows(folder, "SELECT action FROM audit ORDER BY id DESC LIMIT 1")).toEqual([
      { action: "opened to all" },
    ]);
  });

  it("expires", async () => {
    const clock = new ManualClock(Date.now());
    const here = await serveAtTime(clock);
    const { key, expires_at } = await createKey(
      here.folder,
      ...["--principal", "ada", "--expires", "1h"],
    );
    expect(Date.parse(expires_at as string) - Date.now()).toBeGreaterThan(3_500_000);
    expect((await knock(here.url, key as string)).status).toBe(200);
    clock.advance(3_700_000);
    expect((await knock(here.url, key as string)).status).toBe(401);
  });
});

const NOT_KEYS: [string, (key: string) => Record<string, string>][] = [
  ["another secret", (key) => bearer(key.slice(0, -3) + (key.endsWith("AAA") ? "BBB" : "AAA"))],
  ["another id", (key) => bearer(key.replace(/_.{12}_/, "_000000000000_"))],
  ["a key without its secret", (key) => bearer(key.slice(0, 15))],
  ["a key with something behind it", (key) => bearer(`${key}A`)],
  ["a key in capitals", (key) => bearer(key.toUpperCase())],
  ["two keys", (key) => bearer(`${key} ${key}`)],
  ["its id alone", (key) => bearer(key.split("_")[1])],
  ["a token", () => bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCJ9.")],
  ["a password", (key) => ({ authorization: `Basic ${btoa(`ada:${key}`)}` })],
  ["nothing but Bearer", () => ({ authorization: "Bearer" })],
  ["an empty header", () => ({ authorization: "" })],
  ["a key in another header", (key) => ({ "x-api-key": key })],
];

/** RFC 6750: an error only for who tried; a header that is no token at all is malformed. */
const ANSWERS: Record<string, [number, RegExp]> = {
  "two keys": [400, /^Bearer error="invalid_request"/],
  "nothing but Bearer": [400, /^Bearer error="invalid_request"/],
  "a password": [401, /^Bearer realm="holdfast"$/],
  "an empty header": [401, /^Bearer realm="holdfast"$/],
  "a key in another header": [401, /^Bearer realm="holdfast"$/],
};

it("what is not a key gives 400 or 401 with a challenge, and never the key back", async () => {
  const { url } = await serveHere({ folder });
  const { key } = (await createKey(folder, "--principal", "ada")) as { key: string };
  const good = await introduceAs(url, key);
  for (const [what, headersOf] of NOT_KEYS) {
    const headers = { "content-type": "application/json", accept: "*/*", ...headersOf(key) };
    const body = JSON.stringify(rpc("ping"));
    const sent = { ...headers, "mcp-session-id": good.id };
    const answer = await read(await fetch(url, { method: "POST", headers: sent, body }));
    const [status, challenge] = ANSWERS[what] ?? [401, /^Bearer error="invalid_token"/];
    expect(answer.status, what).toBe(status);
    expect(answer.headers.get("www-authenticate"), what).toMatch(challenge);
    const secret = key.split("_").slice(2).join("_");
    expect(JSON.stringify([answer.text, ...answer.headers]), what).not.toContain(secret);
  }
  expect((await good.ask("ping")).status).toBe(200);
});

describe("keys create", () => {
  it("prints the key once, as JSON in the documented shape", async () => {
    const made = await createKey(folder, "--principal", "ada", "--scopes", "read,write");
    expect(made).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{12}$/) as string,
      key: expect.stringMatching(`^hf_${made["id"]}_[A-Za-z0-9_-]{43}$`) as string,
      principal: "ada",
      scopes: ["read", "write"],
      expires_at: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      last_used_at: null,
      revoked_at: null,
    });
  });

  it("prints the key and the finished configuration of a client, and what it means beside", async () => {
    const { code, stdout, stderr } = await keys("create", "--principal", "ada");
    expect(code).toBe(0);
    const [key, , , configuration] = stdout.split("\n") as [string, string, string, string];
    expect(key).toMatch(/^hf_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
    expect(JSON.parse(configuration)).toEqual({
      mcpServers: {
        holdfast: {
          ...{ type: "http", url: "http://127.0.0.1:8484/mcp?name=home" },
          headers: { Authorization: `Bearer ${key}` },
        },
      },
    });
    expect(stderr).toMatch(/shown only now/);
    expect(stderr).not.toContain(key);
  });

  it("offers no client the key that reads numbers only", async () => {
    const { stdout } = await keys("create", "--principal", "prometheus", "--scopes", "metrics");
    expect(stdout).toMatch(/^hf_\S+\n\nIt reads \/metrics, and opens no session\.\n$/);
  });

  it("says at the first key alone whom it shuts out, and how the sessions so far are given", async () => {
    await command(["call", "state_set", '{"key":"a","value":1}', "--data-dir", folder]);
    const first = await keys("create", "--principal", "o'hara");
    expect(first.stderr).toMatch(
      /every HTTP client needs a key\. 1 session made without one belongs to the principal local/,
    );
    expect(first.stderr).toContain("sessions give --all --from local --to 'o'\\''hara'\n");
    const second = await keys("create", "--principal", "ada");
    expect(second.stderr).toBe("This key of ada is shown only now.\n");
  });

  it.each<[string[], RegExp]>([
    [["--principal", " "], /principal/],
    [["--principal", " ada"], /principal: expected a name without space around it/],
    [["--principal", "a".repeat(201)], /principal/],
    [
      ["--principal", "ada", "--scopes", "root"],
      /scopes: expected metrics, read, write, or admin.*, got "root"/,
    ],
    [["--principal", "ada", "--scopes", "metrics,read"], /metrics stands alone/],
    [["--principal", "ada", "--expires", "soon"], /expires: expected .*90d.*, got "soon"/],
    [[], /--principal/],
  ])("%j is refused, naming what is wrong, and makes no key", async (flags, told) => {
    const { code, stdout, stderr } = await keys("create", ...flags);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(told);
    expect(existsSync(databaseFile(folder)) ? await list() : []).toEqual([]);
  });

  it("stores the key hashed only; no list, log or file has it again", async () => {
    const server = await startServer({ folder, args: ["--log-level", "debug"] });
    const { id, key } = (await createKey(folder, "--principal", "ada")) as Record<string, string>;
    await (await introduceAs(server.url, key!)).call("state_set", { key: "k", value: 1 });
    await knock(server.url, `${key!.slice(0, -1)}_`);
    const secret = key!.split("_").slice(2).join("_");
    const [row] = rows(folder, "SELECT * FROM api_keys");
    expect(row).toMatchObject({ id, principal: "ada" });
    expect(row!["hash"]).toEqual(createHash("sha256").update(secret).digest());

    const lists = [await keys("list"), await keys("list", "--json")];
    expect(await server.stop()).toBe(0);
    const texts = [...lists.map(({ stdout, stderr }) => stdout + stderr), server.errors()];
    for (const text of [...texts, readFileSync(databaseFile(folder), "latin1")]) {
      expect(text).not.toContain(secret.slice(0, 20));
    }
    expect(JSON.stringify(await list())).not.toContain("hash");
  });
});

describe("keys list", () => {
  it("says what no key means, then shows each key with its state", async () => {
    await (await serveHere({ folder })).stop();
    expect((await keys("list")).stdout).toContain("principal local");
    const { id } = await createKey(folder, "--principal", "ada", "--expires", "90d");
    const { stdout } = await keys("list");
    expect(stdout).toMatch(
      new RegExp(`^${id as string} +ada +write +[\\d: -]+ +never +until `, "m"),
    );
  });

  it("knows when a key was last used, at the latest when the server has stopped", async () => {
    const { url, stop } = await serveHere({ folder });
    const start = Date.now();
    const { key } = await createKey(folder, "--principal", "ada");
    expect((await list())[0]!["last_used_at"]).toBeNull();
    await knock(url, `${(key as string).slice(0, -1)}_`);
    await knock(url, key as string);
    await stop();
    const used = Date.parse((await list())[0]!["last_used_at"] as string);
    expect(used).toBeGreaterThanOrEqual(start - 1_000);
  });

  it("keys revoke of a key that is not there, or revoked already, fails and says so", async () => {
    const { id } = await createKey(folder, "--principal", "ada");
    await keys("revoke", id as string);
    for (const one of [id as string, "000000000000"]) {
      const { code, stderr } = await keys("revoke", one);
      expect(code).toBe(1);
      expect(stderr).toContain(`no living key "${one}"`);
    }
  });
});

describe("a principal", () => {
  it("never sees the sessions of another, in either era", async () => {
    const { url } = await serveHere({ folder });
    const [ada, bob] = [
      (await createKey(folder, "--principal", "ada"))["key"] as string,
      (await createKey(folder, "--principal", "bob"))["key"] as string,
    ];
    const client = await introduceAs(`${url}?name=work`, ada);
    await client.call("history_append", { role: "user", content: "Ada's secret" });
    const session = (await client.call("session_info")).data["session"] as string;
    const missing = crypto.randomUUID();

    const other = await introduceAs(`${url}?name=work`, bob);
    expect((await other.call("history_get")).data["messages"]).toEqual([]);
    for (const tool of ["history_get", "session_info", "session_delete", "state_list"]) {
      for (const answers of [
        [await other.call(tool, { session }), await other.call(tool, { session: missing })],
        [
          await callAs(url, bob, tool, { session }),
          await callAs(url, bob, tool, { session: missing }),
        ],
      ]) {
        const [foreign, none] = answers;
        expect(foreign!.isError).toBe(true);
        expect(foreign!.says.replaceAll(session, missing)).toBe(none!.says);
      }
    }
    const stolen = await read(await other.post(rpc("ping"), { "mcp-session-id": client.id }));
    const unknown = await read(await other.post(rpc("ping"), { "mcp-session-id": missing }));
    expect([stolen.status, stolen.text]).toEqual([404, unknown.text]);
    for (const { data } of [
      await other.call("session_list"),
      await callAs(url, bob, "session_list"),
    ])
      expect(JSON.stringify(data)).not.toContain(session);
    expect((await client.call("history_get")).data["messages"]).toHaveLength(1);
  });

  it("with the scope read reads in both eras, and changes nothing in either", async () => {
    const { url } = await serveHere({ folder });
    const writer = (await createKey(folder, "--principal", "ada"))["key"] as string;
    const reader = (await createKey(folder, "--principal", "ada", "--scopes", "read"))[
      "key"
    ] as string;
    const { id: session } = await introduceAs(url, writer);
    await callAs(url, writer, "state_set", { session, key: "k", value: 1 });
    const client = await introduceAs(url, reader);

    const all = await introduceAs(`${url}?tools=all`, writer);
    const listed = (await all.ask("tools/list")).messages[0]!["result"] as { tools: Json[] };
    // What a task requires depends on its tool (test/tasks/access.test.ts).
    const ofTasks = ["task_answer", "task_cancel"];
    const writing = listed.tools.filter(
      ({ name, annotations }) => !annotations?.readOnlyHint && !ofTasks.includes(name as string),
    );
    expect(writing.map(({ name }) => name as string)).toContain("chat");
    for (const { name } of writing) {
      for (const answer of [
        await client.call(name as string, { session }),
        await callAs(url, reader, name as string, { session }),
      ]) {
        expect(answer.status).toBe(403);
        expect(answer.headers.get("www-authenticate")).toMatch(
          /^Bearer error="insufficient_scope".*scope="write"/,
        );
      }
    }
    const batch = [rpc("ping"), rpc("tools/call", { name: "state_set", arguments: {} }, 2)];
    const old = await introduce(url, { version: "2025-03-26", headers: bearer(reader) });
    expect((await old.post(batch)).status).toBe(403);

    const get = { session, key: "k" };
    expect((await client.call("state_get", get)).data).toMatchObject({ value: 1, version: 1 });
    expect((await callAs(url, reader, "state_get", get)).data).toMatchObject({ version: 1 });
  });
});

it.each(["v1", "v2"] as const)("the %s client works with a key as a header", async (version) => {
  const { url } = await serveHere({ folder });
  const { key } = await createKey(folder, "--principal", "ada");
  const requestInit = { headers: bearer(key as string) };
  expect(await toolsOf(version, url, { requestInit })).toContain("session_open");
  await expect(toolsOf(version, url, {})).rejects.toThrow();
  expect(rows(folder, "SELECT owner FROM clients")).toEqual([{ owner: "ada" }]);
});

it("stdio needs no key and stays local", async () => {
  await createKey(folder, "--principal", "ada");
  const client = await connect("v2", { stdio: ["--data-dir", folder] });
  await client.call("state_set", { key: "k", value: 1 });
  expect(rows(folder, "SELECT owner FROM sessions")).toEqual([{ owner: "local" }]);
});

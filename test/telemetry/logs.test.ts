// Logs: on standard error, JSON for programs and text for people, by request; never what was said, and no secrets.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { bearer, createKey } from "../support/bearer.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { refuses, startModel } from "../support/model-server.ts";
import { callModern } from "../support/modern.ts";
import { ERAS, speak } from "../support/people.ts";
import { FIXTURE, PROGRAM, run, startServer } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { introduce, type Json, post, read, rpc } from "../support/raw.ts";

/** A server with defects. */
const DEFECTS = fileURLToPath(new URL("../support/defects-server.ts", import.meta.url));
const DEBUG = ["--log-level", "debug"];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Every line is one JSON object with a level, a time and a message. */
function lines(errors: string): Json[] {
  const all = errors
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Json);
  for (const { level, time, msg } of all) {
    expect(level).toMatch(/^(debug|info|warn|error)$/);
    expect(new Date(time as string).toISOString()).toBe(time);
    expect(msg).toEqual(expect.any(String));
  }
  return all;
}

const ofCalls = (errors: string): Json[] => lines(errors).filter(({ msg }) => msg === "call");

describe("at the level debug", () => {
  it.each(ERAS)(
    "a call of the era of %s is one line that says who, what, where and how",
    async (era) => {
      const folder = temporaryFolder();
      const server = await startServer({ folder, args: DEBUG });
      const { key } = await createKey(folder, "--principal", "ana");
      const ana = await speak(server.url, era, key as string);
      const session = (await ana.call("session_open")).data["session"] as string;
      await ana.call("state_set", { session, key: "k", value: 1 });
      await ana.call("state_get", { session: crypto.randomUUID(), key: "k" });
      const unknown = await ana.call("made up");
      expect(await server.stop()).toBe(0);
      const calls = ofCalls(server.errors());
      const who = { level: "debug", principal: "ana", era };
      expect(calls).toMatchObject([
        { ...who, tool: "session_open", session, outcome: "ok" },
        { ...who, tool: "state_set", session, outcome: "ok" },
        { ...who, tool: "state_get", outcome: "not_found" },
        { ...who, tool: "unknown", outcome: "-32602" },
      ]);
      for (const { ms, request } of calls) {
        expect(ms).toBeGreaterThan(0);
        expect(request).toMatch(UUID);
      }
      expect(calls.at(-1)!["request"]).toBe(unknown.headers.get("x-request-id"));
      expect(new Set(calls.map(({ request }) => request as string)).size).toBe(4);
    },
  );

  it("a call over stdio is such a line too, on standard error", async () => {
    const raw = await rawStdio(["--data-dir", temporaryFolder(), ...DEBUG]);
    await raw.call("state_set", { key: "k", value: 1 });
    await raw.call("nothing");
    raw.end();
    await raw.exited;
    const all = lines(raw.errors());
    expect(all.map(({ msg }) => msg)).toEqual([
      ...["started", "request", "call", "call", "stopping", "stopped"],
    ]);
    const [initialize, set, unknown] = all.slice(1);
    expect(initialize).toMatchObject({ method: "initialize", outcome: "ok", era: "2025" });
    expect(set).toMatchObject({ tool: "state_set", principal: "local", outcome: "ok" });
    expect(set!["session"]).toMatch(UUID);
    expect(set!["request"]).toMatch(UUID);
    expect(unknown).toMatchObject({ tool: "unknown", outcome: "-32602" });
  });

  it("a call that its client cancels, and one that a stop cuts, say so", async () => {
    const folder = temporaryFolder();
    const env = { HOLDFAST_LOG_LEVEL: "debug", HOLDFAST_SHUTDOWN_GRACE: "50ms" };
    const server = await startServer({ folder, env, script: FIXTURE });
    const client = await introduce(server.url);
    const count = (id: string) =>
      client.post(
        rpc("tools/call", { name: "count_once", arguments: { steps: 1, step_ms: 60_000 } }, id),
      );
    const [cancelled, cut] = [await count("first"), await count("second")];
    const params = { requestId: "first" };
    await client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    await cancelled.text();
    await server.stop();
    await cut.text().catch(() => undefined);
    expect(ofCalls(server.errors()).map(({ outcome }) => outcome)).toEqual([
      "cancelled",
      "interrupted",
    ]);
  });

  it("a session full of secrets leaves none of them in the log", async () => {
    const [folder, model] = [temporaryFolder(), await startModel()];
    const secret = "s3cret_in_the_text";
    const modelKey = "tok_of_the_model";
    const env = { HOLDFAST_MODEL_KEY: modelKey };
    const server = await startServer({ folder, args: [...model.args, ...DEBUG], env });
    const { key } = await createKey(folder, "--principal", "ana");
    for (const era of ERAS) {
      const ana = await speak(server.url, era, key as string);
      const session = (await ana.call("session_open", { title: secret })).data["session"];
      await ana.call("state_set", { session, key: secret, value: { password: secret } });
      await ana.call("history_append", { session, role: "user", content: secret });
      await ana.call("history_search", { query: secret });
      model.next(refuses(401, `Wrong key ${modelKey} for ${secret}`));
      await ana.call("chat", { session, prompt: secret });
      await ana.call(secret, { [secret]: secret });
      await ana.call("state_get", { session: secret, key: { [secret]: secret } });
      await ana.at(`name=${secret}`).call("state_get", { key: secret });
      await ana.ask(secret, { x: secret });
      await ana.ask("resources/read", { uri: `holdfast://${secret}` });
      await post(server.url, `{"${secret}`, bearer(key as string));
      await post(`${server.url}?token=${secret}`, rpc("ping"), bearer(`hf_${secret}`));
      await fetch(new URL(`/${secret}?${secret}`, server.url), {
        headers: { "x-request-id": `${secret} `.repeat(9), cookie: secret },
      });
    }
    expect(await server.stop()).toBe(0);
    expect(ofCalls(server.errors()).length).toBeGreaterThanOrEqual(14);
    for (const one of [secret, modelKey, (key as string).split("_").slice(2).join("_"), "Bearer"])
      expect(server.errors()).not.toContain(one);
  });
});

describe("at the level info", () => {
  it("the start says address, folder, model and versions; the end is said; calls are not", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder, args: ["--log-level", "info"] });
    await (await introduce(server.url)).call("state_set", { key: "k", value: 1 });
    expect(await server.stop()).toBe(0);
    expect(lines(server.errors())).toMatchObject([
      {
        ...{ msg: "started", level: "info", address: new URL(server.url).origin, data: folder },
        ...{ model: "recall", version: expect.any(String), node: process.versions.node },
      },
      { msg: "stopping" },
      { msg: "stopped" },
    ]);
  });

  it("a cleanup that deletes something says what, and the end of a killed process's calls is told", async () => {
    const folder = temporaryFolder();
    const env = { HOLDFAST_LOG_LEVEL: "info" };
    const first = await startServer({ folder, env, script: FIXTURE });
    const client = await introduce(first.url);
    const slow = { steps: 1, step_ms: 60_000 };
    await client.post(rpc("tools/call", { name: "count_once", arguments: slow }, 5));
    await first.kill();
    // It may have had the time to note that the client is connected, which spares it for a minute.
    const database = openDatabase(folder, { readonly: false });
    database.exec("UPDATE clients SET present_until = 0");
    const args = [...["--log-level", "info"], "--max-age", "1s", "--cleanup-interval", "100ms"];
    const second = await startServer({ folder, args });
    await expect.poll(second.errors).toContain('"msg":"cleanup"');
    expect(await second.stop()).toBe(0);
    const all = lines(second.errors());
    expect(all).toContainEqual(
      expect.objectContaining({ msg: "ended what a dead process left", rerun: 0, interrupted: 1 }),
    );
    const cleanups = all.filter(({ msg }) => msg === "cleanup");
    for (const { deleted } of cleanups) {
      expect(Object.values(deleted as object).every((count) => count > 0)).toBe(true);
      expect(Object.keys(deleted as object)).not.toEqual([]);
    }
  });
});

describe("a request's id", () => {
  it("is its sender's when that is short and plain, else one of ours, on every answer", async () => {
    const { url } = await serveHere();
    const idOf = async (sent?: string, path = "/healthz") =>
      (
        await fetch(new URL(path, url), {
          headers: sent === undefined ? {} : { "x-request-id": sent },
        })
      ).headers.get("x-request-id");
    for (const kept of ["a", "0aF-9.b_c:1", "x".repeat(64)]) expect(await idOf(kept)).toBe(kept);
    for (const sent of [undefined, "", "two words", "x".repeat(65), "a{b}", '"', "é"])
      expect(await idOf(sent)).toMatch(UUID);
    for (const path of ["/mcp", "/nothing", "/metrics", "/readyz"])
      expect(await idOf("mine", path)).toBe("mine");
    const stream = await (await introduce(url)).listen();
    expect(stream.headers.get("x-request-id")).toMatch(UUID);
  });

  it("is in an internal error, and leads to the log line with the reason, which the error hides", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder, script: DEFECTS });
    const headers = { "x-request-id": "find-me" };
    const called = await callModern(server.url, "broken", {}, { headers });
    expect(called.says).toContain("under request find-me");
    expect(called.says).not.toContain("the private reason");
    const client = await introduce(server.url);
    const answer = await read(
      await client.post(rpc("resources/read", { uri: "broken://x" }, 3), {
        "x-request-id": "me-too",
      }),
    );
    expect(answer.text).toContain("under request me-too");
    expect(answer.text).not.toContain("the private reason");
    await server.kill();
    const why = { reason: "the private reason", program: "raw-client 0.9.1" };
    expect(lines(server.errors())).toMatchObject([
      { ...why, level: "warn", request: "find-me", tool: "broken" },
      { ...why, level: "error", request: "me-too", method: "resources/read" },
    ]);
    expect(server.errors()).toContain("defects-server.ts"); // the place in the code
    expect(server.errors()).not.toContain("whole request"); // what libraries hang on their errors
  });
});

describe.skipIf(!existsSync("/usr/bin/script"))("at a terminal (needs util-linux script)", () => {
  it("lines are for people: a time, a level, what happened, and no JSON", async () => {
    const folder = temporaryFolder();
    const command = `${PROGRAM.join(" ")} cleanup --data-dir ${folder} --max-age 1ms --yes --log-level info`;
    const server = await startServer({ folder });
    await (await introduce(server.url)).call("state_set", { key: "k", value: 1 });
    await server.stop();
    const program = ["/usr/bin/script", "-qec", command, "/dev/null"];
    const { code, stdout } = await run([], { program, env: { NO_COLOR: "1" } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: cleanup \{"deleted":\{"session":1/m);
    expect(stdout).not.toContain('"level"');
  });
});

it("at the default level calls and requests that are wrong leave no line", async () => {
  const server = await startServer({ folder: temporaryFolder() });
  await (await introduce(server.url)).call("no_such_tool");
  await post(server.url, "not JSON");
  expect(await server.stop()).toBe(0);
  expect(server.errors()).toBe("");
});

// Why something failed or was refused: one line at the default level, with the program or the address, and no secrets.
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { prettyFactory } from "pino-pretty";
import { describe, expect, it } from "vitest";
import { AppError } from "../../src/lib/errors.ts";
import { reasonOf } from "../../src/telemetry/failures.ts";
import { bearer, createKey, knock } from "../support/bearer.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startIssuer } from "../support/issuer.ts";
import { refuses, startModel } from "../support/model-server.ts";
import { ERAS, speak } from "../support/people.ts";
import { startServer } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { type Json, post, rpc } from "../support/raw.ts";

const lines = (errors: string): Json[] =>
  errors
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Json);

/** What deploy/fail2ban-filter.conf looks for, as a regular expression of ours. */
function filters(): RegExp[] {
  const text = readFileSync(new URL("../../deploy/fail2ban-filter.conf", import.meta.url), "utf8");
  const value = (name: string): string => new RegExp(`^${name} = (.*)$`, "m").exec(text)![1]!;
  const refused = value("_refused")
    .replace("<ADDR>", "(?<address>[0-9a-fA-F.:]+)")
    .replace("<reasons>", value("reasons"));
  return /^failregex = ([^]*?)\n\n/m
    .exec(text)![1]!
    .split("\n")
    .map((line) =>
      line.trim().replace("(?:%(__prefix_line)s)?", "").replace("%(_refused)s", refused),
    )
    .map((source) => new RegExp(source));
}

const banned = (line: string): string | undefined =>
  filters()
    .map((filter) => filter.exec(line)?.groups?.["address"])
    .find((address) => address !== undefined);

/** A request of a host name, as `fetch` does not send it. */
const askHost = (url: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve, reject) => {
    request(url, { method: "POST", headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode!);
    })
      .on("error", reject)
      .end("{}");
  });

describe("a refusal", () => {
  it("is a line with the address, which the filter of deploy/ finds as JSON and as text", async () => {
    const folder = temporaryFolder();
    const { key } = await createKey(folder, "--principal", "ana", "--scopes", "read");
    const server = await startServer({ folder, args: ["--max-calls-per-minute", "2"] });
    const from = (address: string) => ({ "x-forwarded-for": address });
    const wrong = bearer(`hf_0123456789ab_${"s".repeat(43)}`);
    await post(server.url, rpc("ping"), { ...wrong, ...from("203.0.113.9, 203.0.113.1") });
    await post(server.url, rpc("ping"), { ...wrong, ...from("2001:db8::7") });
    await post(server.url, rpc("ping"), { ...wrong, ...from('evil","status":1') });
    await knock(server.url);
    expect(await askHost(server.url, { host: "evil.example", ...from("203.0.113.2") })).toBe(403);
    await post(server.url, rpc("ping"), { origin: "https://evil.example" });
    const set = rpc("tools/call", { name: "state_set", arguments: { key: "k", value: 1 } });
    const session = (await speak(server.url, "2025", key as string)).headers;
    await post(server.url, set, session);
    await post(server.url, set, session);
    expect(await server.stop()).toBe(0);
    const all = lines(server.errors());
    expect(all.map(({ address, status, reason }) => [address, status, reason])).toEqual([
      ["203.0.113.1", 401, "wrong credentials"],
      ["2001:db8::7", 401, "wrong credentials"],
      ["127.0.0.1", 401, "wrong credentials"],
      ["127.0.0.1", 401, "no credentials"],
      ["203.0.113.2", 403, "host or origin"],
      ["127.0.0.1", 403, "host or origin"],
      ["127.0.0.1", 403, "scope"],
      ["127.0.0.1", 429, "too many requests"],
    ]);
    for (const { level, msg, request: id } of all)
      expect({ level, msg, id }).toEqual({ level: "warn", msg: "refused", id: expect.any(String) });
    const pretty = prettyFactory({
      ...{ colorize: false, translateTime: "SYS:HH:MM:ss.l", singleLine: true },
    });
    for (const text of server.errors().trim().split("\n")) {
      const { address, reason } = JSON.parse(text) as Json;
      const found = /^(wrong|host)/.test(reason as string) ? (address as string) : undefined;
      expect([banned(text), banned(pretty(text))]).toEqual([found, found]);
    }
    expect(server.errors()).not.toContain("ssss");
    expect(server.errors()).not.toContain("evil");
  });
});

describe("a chat that fails", () => {
  it.each(ERAS)(
    "is a line with reason, tool, program and request, in the era of %s",
    async (era) => {
      const modelKey = "tok_of_the_model";
      const model = await startModel();
      const env = { HOLDFAST_MODEL_KEY: modelKey };
      const server = await startServer({ folder: temporaryFolder(), args: model.args, env });
      const program = await speak(server.url, era, undefined);
      const session = (await program.call("session_open")).data["session"];
      const prompt = `my password is\n  ${"x".repeat(900)}`;
      model.next(
        refuses(400, `No credit for ${modelKey} with Bearer ${"t".repeat(20)}: ${prompt}`),
      );
      const failed = await program.call("chat", { session, prompt });
      expect(await server.stop()).toBe(0);
      const [line, ...more] = lines(server.errors());
      expect(more).toEqual([]);
      expect(line).toMatchObject({
        ...{ level: "warn", tool: "chat", principal: "local", program: "raw-client 0.9.1" },
        reason: expect.stringContaining(
          "HTTP 400: No credit for [key] with Bearer [secret]:",
        ) as string,
        request: failed.headers.get("x-request-id"),
      });
      for (const one of [modelKey, "tttt", "password", "xxxx"])
        expect(server.errors()).not.toContain(one);
    },
  );

  it("is one over stdio too", async () => {
    const model = await startModel();
    const raw = await rawStdio(["--data-dir", temporaryFolder(), ...model.args]);
    model.next(refuses(400, "No credit."));
    await raw.call("chat", { prompt: "one" });
    raw.end();
    await raw.exited;
    expect(lines(raw.errors())).toMatchObject([
      { level: "warn", tool: "chat", reason: expect.stringContaining("No credit.") as string },
    ]);
  });
});

describe("the reason of a failure", () => {
  it("has the messages of all causes, once each, on one line, and survives what cannot be read", () => {
    const cause = new Error("refused\nthere", { cause: new Error("the wire is cut") });
    expect(reasonOf(new AppError("busy", "It failed.", { cause }))).toBe(
      "It failed. (refused there (the wire is cut))",
    );
    expect(reasonOf(new AggregateError([cause, cause], "All failed"))).toMatch(/^All failed \(ref/);
    expect(reasonOf("text")).toBe("text");
    expect(reasonOf(Object.create(null))).toBe("it cannot be shown");
  });

  it.each([
    [`hf_0123456789ab_${"k".repeat(43)}`, "kkk"],
    [`Authorization: Bearer ${"t".repeat(30)}`, "ttt"],
    [`eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.${"g".repeat(20)}`, "ggg"],
    [`sk-${"m".repeat(20)}`, "mmm"],
  ])("never has credentials: %s", (text, secret) => {
    expect(reasonOf(new Error(`No: ${text}`))).not.toContain(secret);
  });
});

it("an issuer that is down is one line, and one when it is back, with how many it cost", async () => {
  const issuer = await startIssuer();
  const args = ["--auth-issuer", issuer.url];
  const server = await startServer({ folder: temporaryFolder(), args });
  const token = await issuer.token({ sub: "alice", aud: server.url });
  issuer.failing = { status: 500, body: "{}" };
  for (let n = 0; n < 3; n++) expect((await knock(server.url, token)).status).toBe(503);
  issuer.failing = undefined;
  let refused = 3;
  await expect
    .poll(async () => {
      const { status } = await knock(server.url, token);
      if (status === 503) refused += 1;
      return status;
    })
    .toBe(200);
  expect(await server.stop()).toBe(0);
  expect(lines(server.errors())).toMatchObject([
    { level: "warn", issuer: issuer.url, msg: "the issuer does not answer" },
    { level: "warn", issuer: issuer.url, refused, msg: "the issuer answers again" },
  ]);
  expect(server.errors()).toMatch(/answered 500/);
  expect(server.errors()).not.toContain("stack");
});

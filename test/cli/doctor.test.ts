// `holdfast doctor`: tells what is wrong and what to do, changes nothing unless asked, and ends with 1 for problems.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { checkAccess } from "../../src/health/access.ts";
import { similarTo } from "../../src/lib/text/similar.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { connect } from "../support/clients.ts";
import { command } from "../support/command.ts";
import { openDatabase } from "../support/database.ts";
import { filledFolder } from "../support/filled.ts";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { startModel } from "../support/model-server.ts";
import { listenLocally } from "../support/ports.ts";
import { startServer } from "../support/process.ts";
import { REMEMBER } from "../support/tool-sources.ts";

interface Report {
  findings: { check: string; status: string; says: string; advice?: string }[];
  fixed: string[];
  settings: { name: string; value: string | null; from: string }[];
}

/** A data folder of the mode that the program would have made. */
async function ownFolder(): Promise<string> {
  const folder = await filledFolder();
  chmodSync(folder, 0o700);
  return folder;
}

async function doctor(folder: string, { flags = [] as string[], env = {} } = {}) {
  const { code, stdout } = await command(["doctor", "--json", "--data-dir", folder, ...flags], {
    env,
  });
  const report = JSON.parse(stdout) as Report;
  const wrong = report.findings.filter(({ status }) => status !== "ok");
  return { code, ...report, wrong };
}

const one = (check: string, status: string, says: RegExp, advice: RegExp) => [
  {
    ...{ check, status },
    says: expect.stringMatching(says) as string,
    advice: expect.stringMatching(advice) as string,
  },
];

describe("holdfast doctor", () => {
  it("finds nothing wrong with a fresh data folder, one line a check, beside a running server too", async () => {
    const folder = await ownFolder();
    const { code, stdout, stderr } = await command(["doctor", "--data-dir", folder]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /^ok {4}schema: 1 session, 1 message; all \d+ migrations are applied\.$/m,
    );
    expect(stdout).toMatch(/^ok {4}running: No Holdfast uses the data folder now\.$/m);
    expect(stdout).toMatch(/^ok {4}search: .* knows every message\.$/m);
    expect(stdout).toMatch(/\n\nAll is well\.\n$/);

    const server = await startServer({ folder });
    const { wrong, findings } = await doctor(folder);
    expect(wrong).toEqual([]);
    const running = findings.find(({ check }) => check === "running");
    expect(running?.says).toContain(`process ${server.pid} since 20`);
    expect(await server.stop()).toBe(0);
  });

  it("says who may come in, and is not content where anybody may", () => {
    const access = (flags: object, more: object = {}) => {
      const keys = { valid: 0, spent: 0, passkeys: 0, ...more };
      const { check, status, says } = checkAccess(loadConfig({ flags }), keys);
      return `${check} ${status} ${says}`;
    };
    const open = { "public-url": "https://mcp.example.org" };
    const issuer = { ...open, "auth-issuer": "https://id.example.org" };
    expect(access({})).toMatch(/^access ok Open to every program on this machine/);
    expect(access(open)).toMatch(/^access fail .*https:\/\/mcp\.example\.org \(public-url\)/);
    expect(access({ ...open, "insecure-no-auth": "true" })).toMatch(/^access warn Open on purpose/);
    expect(access(issuer)).toMatch(/^access ok .*https:\/\/id\.example\.org/);
    expect(access(open, { valid: 2, spent: 1 })).toBe("access ok A key is required: 2 keys.");
    expect(access(open, { spent: 1, passkeys: 1 })).toBe(
      "access ok A sign-in is required: 1 passkey, and no valid key.",
    );
    expect(access({}, { spent: 1 })).toMatch(
      /^access warn The server accepts no HTTP client, .* last key was revoked/,
    );
  });

  it("says where each value comes from, and hides secrets", async () => {
    const model = await startModel();
    const env = {
      HOLDFAST_MAX_AGE: "90d",
      OPENAI_API_KEY: "sk-very-secret",
      HOLDFAST_MODEL: "scripted-1",
      HOLDFAST_MODEL_URL: model.url.replace("//", "//user:very-secret@"),
    };
    const folder = await ownFolder();
    const { settings, wrong } = await doctor(folder, { env, flags: ["--port", "1234"] });
    const by = Object.fromEntries(settings.map(({ name, ...rest }) => [name, rest]));
    expect(by).toMatchObject({
      port: { value: "1234", from: "--port" },
      "max-age": { value: "90d", from: "HOLDFAST_MAX_AGE" },
      "model-key": { value: "(hidden)", from: "OPENAI_API_KEY" },
      "model-url": { value: "(hidden)", from: "HOLDFAST_MODEL_URL" },
      host: { value: "127.0.0.1", from: "the default" },
      "auth-issuer": { value: null, from: "the default" },
    });
    expect(wrong).toEqual([]);
    const { stdout } = await command(["doctor", "--data-dir", folder], { env });
    expect(stdout).toMatch(/^set {3}max-age is 90d, from HOLDFAST_MAX_AGE$/m);
    expect(stdout).not.toContain("very-secret");
  });

  it("finds a data folder whose path may not be shown", async () => {
    const folder = join(temporaryFolder(), "ana@example.org");
    renameSync(await ownFolder(), folder);
    const { wrong, settings } = await doctor(folder);
    expect(wrong).toEqual([]);
    expect(settings.find(({ name }) => name === "data-dir")!.value).toBe("(hidden)");
  });

  it("asks the endpoint for its models, and says what is wrong with it", async () => {
    const folder = await ownFolder();
    const model = await startModel();
    const look = async (url = model.url) => {
      const flags = ["--model", "scripted-1", "--model-url", url];
      const { findings } = await doctor(folder, {
        flags,
        env: { HOLDFAST_MODEL_KEY: "sk-secret" },
      });
      return findings.find(({ check }) => check === "model")!;
    };
    expect(await look()).toMatchObject({
      status: "ok",
      says: `scripted-1 at ${model.url} is there.`,
    });
    model.models = ["scripted-2", "other"];
    expect(await look()).toMatchObject({ status: "warn", advice: "Did you mean scripted-2?" });
    model.models = undefined;
    expect(await look()).toMatchObject({
      status: "ok",
      says: expect.stringContaining("is not known") as string,
    });
    const closed = createServer((_, response) =>
      response.writeHead(401).end("Not yours: sk-secret"),
    );
    const port = await listenLocally(closed);
    const refused = await look(`http://127.0.0.1:${port}/v1`);
    expect(refused).toMatchObject({
      status: "fail",
      says: expect.stringContaining("401") as string,
    });
    expect(refused.advice).toContain("does not accept the key");
    expect(JSON.stringify(refused)).not.toContain("sk-secret");
    closed.close();
    await once(closed, "close");
    expect(await look(`http://127.0.0.1:${port}/v1`)).toMatchObject({
      status: "fail",
      says: expect.stringContaining("ECONNREFUSED") as string,
    });
  });

  it("loads tool files, and names those with a fault", async () => {
    const folder = await ownFolder();
    const tools = folderOf({ "remember.ts": REMEMBER, "broken.ts": "export const = 1;" });
    const { code, wrong, findings } = await doctor(folder, { flags: ["--tools", tools] });
    expect(code).toBe(1);
    expect(wrong).toEqual(one("tools", "fail", /broken\.ts/, /left out/));
    expect(findings.find(({ check }) => check === "tools")).toMatchObject({
      says: `1 tool loaded from ${tools}.`,
    });
    const missing = await doctor(folder, { flags: ["--tools", join(tools, "missing")] });
    expect(missing.wrong).toEqual(one("tools", "fail", /missing/, /./));
  });

  it("tells how old the last backup is", async () => {
    const folder = await ownFolder();
    const known = async () => {
      const { findings } = await doctor(folder);
      return findings.find(({ check }) => check === "backup")!;
    };
    expect((await known()).says).toMatch(/^None by `holdfast backup` is known/);
    const target = temporaryFolder();
    await command(["backup", target, "--data-dir", folder]);
    expect(await known()).toMatchObject({
      status: "ok",
      says: expect.stringContaining(target) as string,
    });
    const database = openDatabase(folder, { readonly: false });
    database.exec("UPDATE audit SET at = at - 8 * 24 * 3600000");
    database.close();
    expect(await known()).toMatchObject({
      status: "warn",
      advice: expect.stringContaining("--keep") as string,
    });
  });

  it("without a database fails, says how to get one, and makes none", async () => {
    const folder = temporaryFolder();
    const missing = join(folder, "missing");
    const { code, wrong } = await doctor(missing);
    expect(code).toBe(1);
    expect(wrong).toEqual(one("database", "fail", /There is no database here/, /first start/));
    expect(existsSync(missing)).toBe(false);
    const inTheWay = join(folder, "file");
    writeFileSync(inTheWay, "", { mode: 0o600 });
    const below = await doctor(join(inTheWay, "data"));
    expect(below.wrong).toEqual(one("database", "fail", /no database here/, /cannot make one/));
  });

  it("names settings that keep the server from starting", async () => {
    const { code, wrong } = await doctor(await ownFolder(), { env: { HOLDFAST_PORT: "http" } });
    expect(code).toBe(1);
    expect(wrong).toEqual(
      one(
        ...(["settings", "fail"] as const),
        /^port: expected a whole number from 0 to 65535, got "http" \(from HOLDFAST_PORT\)\.$/,
        /does not start/,
      ),
    );
  });

  it("finds mistyped variables and a model without an address; so does serve", async () => {
    const env = { HOLDFAST_DATADIR: "/tmp", HOLDFAST_MODEL: "m", HOLDFAST_XYZZY: "1" };
    const folder = await ownFolder();
    const { code, wrong } = await doctor(folder, { env });
    expect(code).toBe(0);
    const expected = [
      "HOLDFAST_DATADIR is no setting. Did you mean HOLDFAST_DATA_DIR?",
      "HOLDFAST_XYZZY is no setting.",
      'The model "m" is not used: it has neither an address (--model-url) nor a key (HOLDFAST_MODEL_KEY).',
    ];
    expect(wrong.map(({ says }) => says).toSorted()).toEqual(expected);
    const server = await startServer({ folder, env });
    expect(server.errors().trim().split("\n").toSorted()).toEqual(
      expected.map((text) => `holdfast: ${text}`),
    );
  });

  it.runIf(process.platform !== "win32")(
    "finds nothing wrong with the clone's own folder after a first start, and leaves others' rights alone",
    async () => {
      const [clones, shared] = [temporaryFolder(), temporaryFolder()];
      writeFileSync(join(clones, ".gitignore"), "*\n");
      for (const folder of [clones, shared]) {
        chmodSync(folder, 0o755);
        await (await startServer({ folder })).stop();
      }
      expect((await doctor(clones)).wrong).toEqual([]);
      expect((await doctor(shared)).wrong).toMatchObject([{ check: "permissions" }]);
    },
  );

  it.runIf(process.platform !== "win32")(
    "finds files that others may read, and --fix closes them",
    async () => {
      const folder = await ownFolder();
      const file = databaseFile(folder);
      chmodSync(folder, 0o755);
      chmodSync(file, 0o644);
      const { code, wrong } = await doctor(folder);
      expect(code).toBe(1);
      expect(wrong).toEqual(one("permissions", "fail", /holdfast\.db\.$/, /--fix/));
      expect(statSync(file).mode & 0o777).toBe(0o644);
      expect(await doctor(folder, { flags: ["--fix"] })).toMatchObject({
        ...{ code: 0, wrong: [], fixed: [expect.stringContaining("holdfast.db now")] },
      });
      expect([statSync(folder).mode & 0o777, statSync(file).mode & 0o777]).toEqual([0o700, 0o600]);
    },
  );

  it("puts messages that another program has written into the search index", async () => {
    const folder = await ownFolder();
    openDatabase(folder, { readonly: false })
      .exec(
        "INSERT INTO messages (session_id, seq, role, content, status, created_at) SELECT id, 9, 'user', 'kelp', 'complete', 1 FROM sessions",
      )
      .close();
    expect(await doctor(folder, { flags: ["--fix"] })).toMatchObject({
      ...{ code: 0, wrong: [], fixed: ["1 message put into the index."] },
    });
    const found = openDatabase(folder)
      .prepare("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'kelp'")
      .pluck();
    expect(found.get()).toBe(1);
  });

  it("finds a log that has grown, and --fix folds it into the database", async () => {
    const folder = await ownFolder();
    // No server yet: its next write after the reader's end would cut the log back before the doctor looks.
    const reader = openDatabase(folder);
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM sessions").get();
    const writer = openDatabase(folder, { readonly: false });
    writer.pragma("synchronous = OFF");
    const fat = writer.prepare(
      "INSERT OR REPLACE INTO session_state (session_id, key, value, version, updated_at) SELECT id, 'fat', ?, 1, 1 FROM sessions WHERE name = 'kept'",
    );
    for (let n = 0; n < 70; n++) fat.run("x".repeat(1 << 20));
    const log = `${databaseFile(folder)}-wal`;
    expect(statSync(log).size).toBeGreaterThan(65 << 20);
    expect((await doctor(folder, { flags: ["--fix"] })).fixed).toEqual([
      expect.stringMatching(/still reading/),
    ]);
    reader.exec("COMMIT");
    const { code, wrong, fixed } = await doctor(folder, { flags: ["--fix"] });
    expect([code, wrong, fixed]).toEqual([0, [], ["The log is folded into the database."]]);
    expect(statSync(log).size).toBeLessThan(1 << 20);
    const client = await connect("v2", await startServer({ folder }));
    expect((await client.call("session_list")).isError).toBe(false);
  });

  const damage: Record<string, [(file: string) => void, RegExp]> = {
    "lost its tail": [(file) => truncateSync(file, statSync(file).size / 2), /damaged/],
    "is noise": [(file) => writeFileSync(file, randomBytes(20_000)), /damaged/],
    "has a page of noise": [
      (file) => {
        const bytes = readFileSync(file);
        randomBytes(4096).copy(bytes, bytes.length - 5 * 4096);
        writeFileSync(file, bytes);
      },
      /damaged/,
    ],
  };
  it.each(Object.entries(damage))("fails for a database that %s", async (_, [spoil, says]) => {
    const folder = await ownFolder();
    spoil(databaseFile(folder));
    const { code, wrong } = await doctor(folder);
    expect(code).toBe(1);
    expect(wrong).toEqual(one("integrity", "fail", says, /restore a backup/));
  });

  const rows: Record<string, [string, string, string, RegExp, RegExp]> = {
    "rows that belong to nothing": [
      "PRAGMA foreign_keys = OFF; INSERT INTO session_state VALUES ('gone', 'k', '1', 1, 1, NULL)",
      ...(["references", "fail"] as const),
      /1 row point/,
      /restore a backup/,
    ],
    "a message that search does not know": [
      "INSERT INTO messages (session_id, seq, role, content, status, created_at) SELECT id, 9, 'user', 'unknown', 'complete', 1 FROM sessions",
      ...(["search", "warn"] as const),
      /does not find 1 message /,
      /--fix/,
    ],
    "a process that ended without a word": [
      "INSERT INTO instances (id, host, pid, started_at, heartbeat_at) VALUES ('dead', 'elsewhere', 1, 1, 1)",
      ...(["recovery", "warn"] as const),
      /1 process ended.*0 calls/,
      /next start/,
    ],
    "rows from the future": [
      "UPDATE sessions SET last_active_at = 4102444800000",
      ...(["clock", "warn"] as const),
      /2100-01-01/,
      /clock/,
    ],
  };
  it.each(Object.entries(rows))("finds %s", async (_, [sql, check, status, says, advice]) => {
    const folder = await ownFolder();
    openDatabase(folder, { readonly: false }).exec(sql).close();
    const { code, wrong } = await doctor(folder);
    expect(wrong).toEqual(one(check, status, says, advice));
    expect(code).toBe(status === "fail" ? 1 : 0);
  });
});

describe("a suggestion for a mistyped word", () => {
  it("is the nearest one, and none where nothing is near", () => {
    const words = ["HOLDFAST_PORT", "HOLDFAST_HOST", "HOLDFAST_MAX_AGE"];
    expect(similarTo("HOLDFAST_PROT", words)).toBe("HOLDFAST_PORT");
    expect(similarTo("HOLDFAST_MAXAGE", words)).toBe("HOLDFAST_MAX_AGE");
    expect(similarTo("HOLDFAST_SOMETHING", words)).toBe(undefined);
    expect(similarTo("x", [])).toBe(undefined);
  });
});

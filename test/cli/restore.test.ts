// `holdfast restore`: the backup is there with every session as it was, or the data folder is as it was.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  watch,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { ballastFile } from "../../src/storage/sqlite/disk/ballast.ts";
import { connect } from "../support/clients.ts";
import { command } from "../support/command.ts";
import { findDamage, openDatabase } from "../support/database.ts";
import { filledFolder } from "../support/filled.ts";
import { temporaryFolder } from "../support/folder.ts";
import { MAY_BE_DONE } from "../support/interrupted.ts";
import { isSilent, startModel } from "../support/model-server.ts";
import { cleanEnv, FIXTURE, PROGRAM, startServer } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { rows, transcript } from "../support/rows.ts";

const restore = (folder: string, file: string, ...flags: string[]) =>
  command(["restore", file, "--data-dir", folder, ...flags]);

async function backupOf(folder: string): Promise<string> {
  const file = join(temporaryFolder(), "copy.db");
  expect(await command(["backup", file, "--data-dir", folder])).toMatchObject({
    code: 0,
    stderr: "",
  });
  return file;
}

/** Every file of a folder with its content. */
const snapshot = (folder: string) =>
  readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString("base64")]);

const refusal = (reason: RegExp) => ({
  code: 1,
  stdout: "",
  stderr: expect.stringMatching(reason) as string,
});

describe("holdfast restore", () => {
  it("is a use of every session: the next cleanup takes none, and they keep their order", async () => {
    const original = await filledFolder();
    const database = openDatabase(original, { readonly: false });
    database.exec(`UPDATE sessions SET last_active_at = last_active_at - 100 * 86400000;
      INSERT INTO sessions (id, owner, name, created_at, last_active_at)
        SELECT lower(hex(randomblob(16))), 'ada', 'older', 1750000000000, min(last_active_at) - 1 FROM sessions`);
    const inOrder = "SELECT id FROM sessions ORDER BY last_active_at";
    const before = rows(original, inOrder);
    const file = await backupOf(original);
    const folder = join(temporaryFolder(), "data");
    expect((await restore(folder, file)).code).toBe(0);
    const cleanup = await command(["cleanup", "--data-dir", folder, "--max-age", "30d", "--yes"]);
    expect(cleanup).toMatchObject({ code: 0, stdout: "Nothing has expired.\n" });
    expect(rows(folder, inOrder)).toEqual(before);
    expect(before.length).toBeGreaterThan(1);
  });

  it("makes a private data folder of a backup, in which the conversations go on", async () => {
    const original = temporaryFolder();
    const server = await startServer({ folder: original });
    const client = await connect("v2", server);
    await client.call("history_append", { role: "user", content: "before" });
    const session = client.id!;
    const file = await backupOf(original);
    await server.stop();

    const folder = join(temporaryFolder(), "new", "data");
    const { code, stdout, stderr } = await restore(folder, file);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /holdfast\.db is restored and checked: [\d.]+KB, 1 session, 1 message\.\n$/,
    );
    expect(readdirSync(folder)).toEqual(["holdfast.db"]);
    if (process.platform !== "win32") {
      expect(statSync(folder).mode & 0o777).toBe(0o700);
      expect(statSync(databaseFile(folder)).mode & 0o777).toBe(0o600);
    }
    // The same client, by its header, at a server on the other folder.
    const moved = await startServer({ folder, port: server.port });
    await client.call("history_append", { role: "user", content: "after" });
    expect(transcript(folder).map((line) => line.split(" ").at(-1))).toEqual(["before", "after"]);
    expect(moved.url).toBe(server.url);
    expect(client.id).toBe(session);
  });

  it("replaces a database only with --force, keeps the old one whole, and lets no old log into the new one", async () => {
    const file = await backupOf(await filledFolder("from the backup"));
    const folder = await filledFolder("old");
    const server = await startServer({ folder });
    const client = await connect("v2", server);
    await client.call("history_append", { role: "user", content: "only in the log" });
    const ballast = ballastFile(databaseFile(folder));
    await expect.poll(() => existsSync(ballast)).toBe(true);
    await server.kill();
    expect(existsSync(`${databaseFile(folder)}-wal`)).toBe(true);

    const before = snapshot(folder);
    expect(await restore(folder, file)).toEqual(refusal(/there is a database already.*--force/));
    expect(snapshot(folder)).toEqual(before);

    const { code, stdout } = await restore(folder, file, "--force", "--json");
    const result = JSON.parse(stdout) as { kept: string };
    expect([code, result]).toMatchObject([0, { sessions: 1, messages: 1 }]);
    expect(basename(result.kept)).toMatch(/^holdfast\.db\.before-restore-\d{8}T\d{6}Z$/);
    const names = [basename(ballast), "holdfast.db", basename(result.kept)];
    expect(readdirSync(folder).toSorted()).toEqual(names);
    const restored = openDatabase(folder, { readonly: false });
    expect(findDamage(restored)).toEqual([]);
    expect(restored.prepare("SELECT content FROM messages").pluck().all()).toEqual([
      "from the backup",
    ]);
    const old = new Database(result.kept);
    onTestFinished(() => void old.close());
    expect(old.prepare("SELECT content FROM messages ORDER BY id").pluck().all()).toEqual([
      "old",
      "only in the log",
    ]);
  });

  it("brings no revoked key, passkey or grant back, also the next time", async () => {
    const original = await filledFolder();
    const key = async (...args: string[]) => command(["keys", ...args, "--data-dir", original]);
    const ids = [];
    for (const principal of ["ada", "bob"]) {
      const { stdout } = await key("create", "--principal", principal, "--json");
      ids.push((JSON.parse(stdout) as { id: string }).id);
    }
    const database = openDatabase(original, { readonly: false });
    database.exec(`
      INSERT INTO passkeys (id, credential_id, public_key, counter, transports, principal, scope, label, created_at)
        VALUES ('gone', 'a', x'00', 0, '[]', 'ada', 'write', 'phone', 1), ('stays', 'b', x'00', 0, '[]', 'ada', 'write', 'laptop', 1)`);
    database.close();
    const file = await backupOf(original);
    await key("revoke", ids[0]!);
    await command(["passkeys", "remove", "gone", "--data-dir", original]);
    for (const _ of ["once", "twice"]) {
      const { stdout, stderr } = await restore(original, file, "--force");
      expect([stderr, stdout]).toEqual([
        "",
        expect.stringMatching(/still revoked: 2 keys, passkeys or grants\./),
      ]);
      expect(rows(original, "SELECT id FROM api_keys WHERE revoked_at IS NULL")).toEqual([
        { id: ids[1] },
      ]);
      expect(rows(original, "SELECT id FROM passkeys")).toEqual([{ id: "stays" }]);
    }
    const elsewhere = await restore(join(temporaryFolder(), "data"), file);
    expect(elsewhere.stdout).toMatch(/as at the backup: revoke again what was revoked since/);
  });

  it("moves a log away that was left without its database", async () => {
    const file = await backupOf(await filledFolder());
    const folder = await filledFolder("old");
    const server = await startServer({ folder });
    await (await connect("v2", server)).call("history_append", { role: "user", content: "x" });
    await server.kill();
    const log = readFileSync(`${databaseFile(folder)}-wal`);
    const lost = temporaryFolder();
    writeFileSync(`${databaseFile(lost)}-wal`, log);
    expect((await restore(lost, file)).code).toBe(0);
    const restored = openDatabase(lost, { readonly: false });
    expect(restored.prepare("SELECT content FROM messages").pluck().all()).toEqual(["hello"]);
    expect(findDamage(restored)).toEqual([]);
  });

  it("has a database in its place in every moment, also when it is killed", async () => {
    const [file, folder] = [await backupOf(await filledFolder("new")), await filledFolder("old")];
    for (let round = 0; round < 3; round++) {
      const args = ["restore", file, "--data-dir", folder, "--force"];
      const child = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...args], { env: cleanEnv() });
      const watcher = watch(folder, (_, name) => {
        if (name?.includes(".before-restore-")) child.kill("SIGKILL");
      });
      await once(child, "close");
      watcher.close();
      const database = openDatabase(folder);
      const [content] = database.prepare("SELECT content FROM messages").pluck().all();
      expect(["old", "new"]).toContain(content);
      database.close();
    }
  });

  it("works in place of a database that is damaged", async () => {
    const [file, folder] = [await backupOf(await filledFolder()), temporaryFolder()];
    writeFileSync(databaseFile(folder), randomBytes(20_000));
    expect((await restore(folder, file, "--force")).code).toBe(0);
    expect(findDamage(openDatabase(folder, { readonly: false }))).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it("takes a backup from a folder that may only be read, and a copied file with its log", async () => {
    const file = await backupOf(await filledFolder());
    chmodSync(file, 0o400);
    expect((await restore(temporaryFolder(), file)).code).toBe(0);

    const folder = temporaryFolder();
    const server = await startServer({ folder });
    await (await connect("v2", server)).call("history_append", { role: "user", content: "logged" });
    await server.kill();
    const copied = join(temporaryFolder(), "copied.db");
    for (const suffix of ["", "-wal"])
      copyFileSync(`${databaseFile(folder)}${suffix}`, `${copied}${suffix}`);
    const { stdout } = await restore(temporaryFolder(), copied, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ messages: 1, kept: null });
  });
});

describe("holdfast restore refuses and touches nothing", () => {
  const spoilt: Record<string, [(file: string) => void, RegExp]> = {
    "a file that is not there": [() => undefined, /there is no such file/],
    "a text": [(file) => writeFileSync(file, "Dear diary"), /is not a database.*another backup/],
    "an empty file": [(file) => writeFileSync(file, ""), /no database of Holdfast/],
    "another program's database": [
      (file) => new Database(file).exec("CREATE TABLE sessions (id)").close(),
      /no database of Holdfast/,
    ],
  };
  const damaged: Record<string, [(file: string) => void, RegExp]> = {
    "a backup that lost its tail": [
      (file) => truncateSync(file, statSync(file).size / 2),
      /damaged.*another backup/,
    ],
    "a backup with a page of noise": [
      (file) => {
        const bytes = readFileSync(file);
        randomBytes(4096).copy(bytes, bytes.length - 5 * 4096);
        writeFileSync(file, bytes);
      },
      /damaged.*another backup/,
    ],
    "a backup of a newer Holdfast": [
      (file) =>
        new Database(file)
          .exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('new', 9e15)")
          .close(),
      /newer Holdfast/,
    ],
  };

  it.each(Object.entries({ ...spoilt, ...damaged }))("%s", async (name, [spoil, reason]) => {
    const folder = await filledFolder("mine");
    const file = name in damaged ? await backupOf(folder) : join(temporaryFolder(), "copy.db");
    spoil(file);
    const before = snapshot(folder);
    const result = await restore(folder, file, "--force");
    expect(result).toEqual(refusal(reason));
    expect(result.stderr).toContain(file);
    expect(result.stderr.trim().split("\n")).toHaveLength(1);
    expect(snapshot(folder)).toEqual(before);
  });

  it("while a server or a stdio program uses the data folder", async () => {
    const file = await backupOf(await filledFolder());
    const folder = await filledFolder("mine");
    const server = await startServer({ folder });
    expect(await restore(folder, file, "--force")).toEqual(
      refusal(new RegExp(`another process is using it \\(process ${server.pid}\\).*Stop`)),
    );
    await server.stop();
    const program = await rawStdio(["--data-dir", folder]);
    await program.call("session_list");
    expect((await restore(folder, file, "--force")).stderr).toMatch(/another process is using it/);
    program.end();
    await program.exited;
    // Any other program that has it open, too.
    const other = openDatabase(folder, { readonly: false });
    other.pragma("journal_mode = WAL");
    other.prepare("SELECT count(*) FROM sessions").get();
    expect((await restore(folder, file, "--force")).stderr).toMatch(/another process is using it/);
    expect(transcript(folder)).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
  });
});

describe("a backup of a running server", () => {
  it("belongs to no process: elsewhere it is well, and may be replaced at once", async () => {
    const original = temporaryFolder();
    await startServer({ folder: original });
    expect(rows(original, "SELECT pid FROM instances")).toHaveLength(1);
    const file = await backupOf(original);
    const folder = join(temporaryFolder(), "data");
    expect((await restore(folder, file)).code).toBe(0);
    const { stdout } = await command(["doctor", "--data-dir", folder]);
    expect(stdout).toContain("No Holdfast uses the data folder now.");
    expect(stdout).toContain("No process has left anything open.");
    expect((await restore(folder, file, "--force")).code).toBe(0);
  });

  it("holds the question that was being answered, to be asked again", async () => {
    const model = await startModel();
    const folder = temporaryFolder();
    const server = await startServer({ folder, args: model.args });
    const client = await connect("v2", server);
    model.next(isSilent);
    const asked = client.call("chat", { prompt: "Is kelp a plant?" });
    asked.catch(() => undefined);
    await model.called(1);
    const file = await backupOf(folder);
    await server.kill();
    const elsewhere = join(temporaryFolder(), "data");
    expect((await restore(elsewhere, file)).code).toBe(0);
    expect(transcript(elsewhere)).toEqual(["1 user interrupted Is kelp a plant?"]);
    await startServer({ folder: elsewhere, port: server.port, args: model.args });
    const { text } = await client.call("chat", { prompt: "Is kelp a plant?" });
    expect(text).toBe("Answer to: Is kelp a plant?");
  });
});

describe("a backup of a server in the middle of a call", () => {
  it("ends that call for its client when it is restored, as after a crash", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder, script: FIXTURE });
    const client = await connect("v2", server);
    const args = { steps: 10_000, step_ms: 50 };
    const call = client.call("count_once", args);
    const open = () => rows(folder, "SELECT request_id FROM open_requests").length;
    await expect.poll(open).toBe(1);
    const file = await backupOf(folder);
    await server.kill();

    expect((await restore(folder, file, "--force")).code).toBe(0);
    await startServer({ folder, port: server.port, script: FIXTURE });
    expect(await call).toMatchObject({ isError: true, text: expect.stringMatching(MAY_BE_DONE) });
    expect(openDatabase(folder).prepare("SELECT count(*) FROM open_requests").pluck().get()).toBe(
      0,
    );
  });
});

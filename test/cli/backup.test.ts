// `holdfast backup`: one file with everything of one moment, made beside a working server, or no file at all.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { withProgress } from "../../src/cli/terminal/progress.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { backUp } from "../../src/storage/sqlite/admin/backup.ts";
import { restore } from "../../src/storage/sqlite/admin/restore.ts";
import { connect } from "../support/clients.ts";
import { command } from "../support/command.ts";
import { findDamage } from "../support/database.ts";
import { fatten, filledFolder } from "../support/filled.ts";
import { temporaryFolder } from "../support/folder.ts";
import { cleanEnv, PROGRAM, run, startServer } from "../support/process.ts";
import { sitting } from "../support/terminal.ts";

const BUSY_WRITER = fileURLToPath(new URL("../support/busy-writer.ts", import.meta.url));

const backup = (folder: string, target: string, ...flags: string[]) =>
  command(["backup", target, "--data-dir", folder, ...flags]);

function open(file: string): Database.Database {
  const database = new Database(file);
  onTestFinished(() => void database.close());
  return database;
}

const mode = (file: string): number => statSync(file).mode & 0o777;

describe("holdfast backup", () => {
  it("makes one private file with everything, and says what is in it", async () => {
    const [folder, target] = [await filledFolder(), join(temporaryFolder(), "copy.db")];
    const { code, stdout, stderr } = await backup(folder, target);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      new RegExp(
        `^${target} is written and checked: [\\d.]+KB, 1 session, 1 message, in [\\d.]+ s.\n$`,
      ),
    );
    expect(code).toBe(0);
    if (process.platform !== "win32") expect(mode(target)).toBe(0o600);
    expect(readdirSync(join(target, ".."))).toEqual(["copy.db"]);
    const copy = open(target);
    expect(copy.prepare("SELECT content FROM messages").pluck().all()).toEqual(["hello"]);
    expect(findDamage(copy)).toEqual([]);
  });

  it("shows a bar to people, which says how long it takes once that can be told", async () => {
    const { terminal, errors } = sitting({ columns: 80 });
    await withProgress(terminal, "Backing up", (onProgress) => {
      for (const done of [0, 0.5]) onProgress(done);
      return Promise.resolve();
    });
    const bar = await errors();
    expect(bar).toMatch(/Backing up ░+ 0% {2}some time left/);
    expect(bar).not.toContain("NF");
  });

  it("prints JSON for programs", async () => {
    const [folder, target] = [await filledFolder(), join(temporaryFolder(), "copy.db")];
    const { stdout } = await backup(folder, target, "--json");
    const { size } = statSync(target);
    expect(JSON.parse(stdout)).toEqual({
      ...{ file: target, bytes: size, sessions: 1, messages: 1, removed: [] },
      ms: expect.any(Number) as number,
    });
  });

  it("replaces a file, and what SQLite left beside it, only with --force", async () => {
    const [folder, target] = [await filledFolder(), join(temporaryFolder(), "copy.db")];
    writeFileSync(target, "precious");
    writeFileSync(`${target}-wal`, "of another database");
    const refused = await backup(folder, target);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /^holdfast: .*copy\.db: this file is there already.*--force\.\n$/,
    );
    expect(readFileSync(target, "utf8")).toBe("precious");
    expect((await backup(folder, target, "--force")).code).toBe(0);
    expect(existsSync(`${target}-wal`)).toBe(false);
    expect(findDamage(open(target))).toEqual([]);
  });

  it("never writes over the database itself", async () => {
    const folder = await filledFolder();
    for (const name of ["holdfast.db", "holdfast.db-wal"]) {
      const { code, stderr } = await backup(folder, join(folder, name), "--force");
      expect([code, stderr]).toEqual([1, expect.stringContaining("this is the database itself")]);
    }
    expect(findDamage(open(databaseFile(folder)))).toEqual([]);
  });

  it("says where it cannot write, in plain words, and leaves nothing there", async () => {
    const [folder, place] = [await filledFolder(), temporaryFolder()];
    expect((await backup(folder, join(place, "no", "copy.db"))).stderr).toMatch(/no such folder/);
    expect(readdirSync(place)).toEqual([]);
  });
});

describe("where there is no database", () => {
  it.each([[["backup", "copy.db"]], [["cleanup"]], [["keys", "list"]], [["keys", "revoke", "x"]]])(
    "%j says so and makes none",
    async (command) => {
      const folder = temporaryFolder();
      const missing = join(folder, "missing");
      const result = await run([...command, "--data-dir", missing], { cwd: folder });
      expect(result).toEqual({
        code: 1,
        stdout: "",
        stderr: `holdfast: ${databaseFile(missing)}: There is no database here. Name its folder with --data-dir.\n`,
      });
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it("a key can be made: it is often the first thing that is done", async () => {
    const folder = join(temporaryFolder(), "new");
    const { code } = await command(["keys", "create", "--principal", "ada", "--data-dir", folder]);
    expect([code, existsSync(databaseFile(folder))]).toEqual([0, true]);
  });
});

/** Begins a backup in a process of its own, which can be stopped half-way. */
function startBackup(folder: string, target: string) {
  const args = ["backup", target, "--data-dir", folder];
  const child = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...args], {
    env: cleanEnv(),
    stdio: "ignore",
  });
  const exited = once(child, "exit");
  const partial = (): string =>
    readdirSync(dirname(target)).find((name) => name.includes(`.partial-${child.pid}-`)) ??
    "not yet";
  const written = (): number =>
    statSync(join(dirname(target), partial()), { throwIfNoEntry: false })?.size ?? 0;
  const half = async (): Promise<void> => {
    while (written() < 1 << 22) {
      expect(child.exitCode).toBe(null);
      await new Promise(setImmediate);
    }
  };
  return { child, half, exited };
}

describe("a backup beside a busy server", () => {
  it("ends, holds one moment, has all that was acknowledged before, and calls are answered meanwhile", async () => {
    const folder = await filledFolder();
    fatten(folder, 48);
    const server = await startServer({ folder });
    const client = await connect("v2", server);
    const writer = spawn(process.execPath, [BUSY_WRITER, databaseFile(folder)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void writer.kill("SIGKILL"));
    await once(writer.stdout, "data");
    const said = await client.call("history_append", { role: "user", content: "before" });
    expect(said.isError).toBe(false);

    const target = join(temporaryFolder(), "copy.db");
    const made = startBackup(folder, target);
    await made.half();
    made.child.kill("SIGSTOP");
    for (let calls = 0; calls < 20; calls++) {
      const set = await client.call("state_set", { key: "n", value: calls });
      expect(set.isError, set.text).toBe(false);
    }
    expect(made.child.exitCode).toBe(null);
    made.child.kill("SIGCONT");
    expect(await made.exited).toEqual([0, null]);
    writer.kill("SIGTERM");
    const commits = Number(String((await once(writer.stdout, "data"))[0]));

    const copy = open(target);
    const [left, right] = copy
      .prepare("SELECT value FROM session_state WHERE session_id = 'busy' ORDER BY key")
      .pluck()
      .all() as [string, string];
    expect(left).toBe(right);
    expect(Number(left)).toBeGreaterThan(0);
    expect(Number(left)).toBeLessThan(commits);
    const before = copy.prepare("SELECT count(*) FROM messages WHERE content = 'before'");
    expect(before.pluck().get()).toBe(1);
    expect(findDamage(copy)).toEqual([]);
  });

  it.each(["SIGKILL", "SIGINT"] as const)(
    "that ends with %s half-way leaves no file under the final name, and the next one works",
    async (signal) => {
      const [folder, place] = [await filledFolder(), temporaryFolder()];
      fatten(folder, 64);
      const target = join(place, "copy.db");
      const { child, half, exited } = startBackup(folder, target);
      await half();
      child.kill(signal);
      const [code, by] = await exited;
      expect([code, by]).toEqual(signal === "SIGKILL" ? [null, signal] : [1, null]);
      expect(existsSync(target)).toBe(false);
      if (signal === "SIGINT") expect(readdirSync(place)).toEqual([]);
      expect((await backup(folder, target)).code).toBe(0);
      expect(findDamage(open(target))).toEqual([]);
    },
  );
});

describe("a backup's name", () => {
  const names = (folder: string): string[] => readdirSync(folder).toSorted();

  it("comes from the time in a folder, where --keep removes the oldest of its own only", async () => {
    const [source, folder] = [databaseFile(await filledFolder()), temporaryFolder()];
    const others = ["holdfast-2026-01-01.db", "holdfast-20200101T000000Z.db.txt", "notes.txt"];
    const dated = [1, 2, 3, 4].map((n) => `holdfast-2020010${n}T000000Z.db`);
    for (const name of [...others, ...dated]) writeFileSync(join(folder, name), "");
    mkdirSync(join(folder, "holdfast-20190101T000000Z.db"));
    const { file, removed } = await backUp({ source, target: folder, keep: 3 });
    expect(file).toMatch(/holdfast-\d{8}T\d{6}Z\.db$/);
    expect(removed.toSorted()).toEqual(dated.slice(0, 2).map((name) => join(folder, name)));
    expect(names(folder)).toEqual(
      [
        ...[...others, ...dated.slice(2), "holdfast-20190101T000000Z.db"],
        basename(file),
      ].toSorted(),
    );
  });

  it("is refused for --keep when it is a file's", async () => {
    const source = databaseFile(await filledFolder());
    const target = join(temporaryFolder(), "copy.db");
    await expect(backUp({ source, target, keep: 3 })).rejects.toThrow("there is no such folder");
    expect(existsSync(target)).toBe(false);
    writeFileSync(target, "");
    await expect(backUp({ source, target, keep: 3 })).rejects.toThrow("this is no folder");
  });

  it.skipIf(process.platform === "win32")(
    "is written through when it is a link, and refused when it is a pipe's",
    async () => {
      const [source, folder] = [databaseFile(await filledFolder()), temporaryFolder()];
      const [link, pipe, nowhere] = ["link", "pipe", "nowhere"].map((name) => join(folder, name));
      writeFileSync(join(folder, "real.db"), "");
      symlinkSync("real.db", link!);
      symlinkSync("gone.db", nowhere!);
      execFileSync("mkfifo", [pipe!]);
      await expect(backUp({ source, target: link! })).rejects.toThrow("there already");
      await backUp({ source, target: link!, force: true });
      expect(lstatSync(link!).isSymbolicLink()).toBe(true);
      expect(statSync(join(folder, "real.db")).size).toBeGreaterThan(0);
      const refused = { source, target: pipe!, force: true };
      await expect(backUp(refused)).rejects.toThrow("a pipe or a device");
      expect(lstatSync(pipe!).isFIFO()).toBe(true);
      await expect(backUp({ ...refused, target: nowhere! })).rejects.toThrow("leads nowhere");
      expect(() => restore({ source, target: link!, force: true })).toThrow("this is no file");
    },
  );
});

// What can be wrong with the data folder: one clear line that names the file, and nothing in it is touched.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { openStorage } from "../../src/storage/open.ts";
import { ballastFile } from "../../src/storage/sqlite/disk/ballast.ts";
import { openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { migrations } from "../../src/storage/sqlite/schema/migrations.ts";
import { connect } from "../support/clients.ts";
import { findDamage, openDatabase, rowCounts } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { callModern } from "../support/modern.ts";
import { canMount, ownDisk } from "../support/own-disk.ts";
import { PROGRAM, run, startServer } from "../support/process.ts";

const IS_ROOT = process.getuid?.() === 0;
const NOBODY = 65534;

/** Root may use every folder, so the program must run as somebody else. */
const UNPRIVILEGED: readonly string[] = IS_ROOT
  ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...PROGRAM]
  : PROGRAM;

/** Whether that somebody may read the program at all. */
const canBeUnprivileged =
  process.platform !== "win32" &&
  spawnSync(UNPRIVILEGED[0]!, [...UNPRIVILEGED.slice(1), "--version"]).status === 0;

/** A data folder as the program leaves it. */
async function usedFolder(): Promise<string> {
  const folder = temporaryFolder();
  const expiry = { maxAgeMs: Infinity };
  await (await openStorage({ folder, durability: "full", clock: systemClock, expiry })).close();
  return folder;
}

const CLEANUP = ["cleanup", "--dry-run", "--data-dir"];

const cleanup = (folder: string, program = PROGRAM) => run([...CLEANUP, folder], { program });

/** A command that makes the data folder where there is none. */
const create = (folder: string, program = PROGRAM) =>
  run(["keys", "create", "--principal", "ada", "--data-dir", folder], { program });

function writeNewer(folder: string): void {
  const database = openDatabase(folder, { readonly: false });
  database.exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('new', 9e15)");
  database.close();
}

/** Everything about a folder that must not change. */
const snapshot = (folder: string) =>
  readdirSync(folder).map((name) => {
    const { mode, mtimeMs, ino } = statSync(join(folder, name));
    return { name, mode, mtimeMs, ino, content: content(join(folder, name)) };
  });

const content = (file: string): string =>
  statSync(file).isDirectory() ? "" : readFileSync(file).toString("base64");

/** Where a symbolic link leads; a file that was closed meanwhile leads nowhere. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** One line on standard error that names the file, and nothing else. */
function expectOneLine(
  { code, stdout, stderr }: Awaited<ReturnType<typeof run>>,
  file: string,
  reason: RegExp,
): void {
  expect(stderr).toMatch(/^holdfast: [^\n]+\n$/);
  expect(stderr).toContain(file);
  expect(stderr).toMatch(reason);
  expect(stdout).toBe("");
  expect(code).toBe(1);
}

const damaged: Record<string, { spoil: (folder: string) => void; reason: RegExp }> = {
  "was written by a newer program": {
    spoil: writeNewer,
    reason: /newer Holdfast.*Start that version/,
  },
  "is a text": {
    spoil: (folder) => writeFileSync(databaseFile(folder), "Dear diary\n"),
    reason: /damaged or is not a database/,
  },
  "is noise": {
    spoil: (folder) => writeFileSync(databaseFile(folder), randomBytes(20_000)),
    reason: /damaged or is not a database/,
  },
  "lost its tail": {
    spoil: (folder) => truncateSync(databaseFile(folder), 3 * 4096 + 100),
    reason: /damaged or is not a database/,
  },
  "lost its list of tables": {
    spoil: (folder) => {
      const bytes = readFileSync(databaseFile(folder));
      writeFileSync(databaseFile(folder), bytes.fill(0xff, 100, 4096));
    },
    reason: /damaged or is not a database/,
  },
  "is a folder": {
    spoil: (folder) => {
      rmSync(databaseFile(folder));
      mkdirSync(databaseFile(folder));
    },
    reason: /this is no file/,
  },
};

describe("a database that", () => {
  for (const [fault, { spoil, reason }] of Object.entries(damaged)) {
    it(`${fault} stops the start and a move with one line and stays as it is`, async () => {
      const folder = await usedFolder();
      spoil(folder);
      const before = snapshot(folder);
      expectOneLine(await cleanup(folder), databaseFile(folder), reason);
      expect(snapshot(folder)).toEqual(before);
      const move = ["move", "--to", "postgres://nobody@127.0.0.1:1/none", "--data-dir", folder];
      expectOneLine(await run(move), databaseFile(folder), reason);
    });
  }

  it.each([[["serve", "--port", "0"]], [["stdio"]]])(
    "cannot be used stops %j in the same way",
    async (command) => {
      const folder = await usedFolder();
      writeNewer(folder);
      const before = snapshot(folder);
      const result = await run([...command, "--data-dir", folder]);
      expectOneLine(result, databaseFile(folder), /newer Holdfast/);
      expect(snapshot(folder)).toEqual(before);
    },
  );
});

describe("a data folder", () => {
  it("below a file stops the start with one line", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "mine");
    const folder = join(file, "below", "data");
    expectOneLine(await create(folder), databaseFile(folder), /cannot be used: .*\(ENOTDIR\)/);
    expect(readFileSync(file, "utf8")).toBe("mine");
  });

  it.runIf(process.platform === "linux")("where none can be made stops the start", async () => {
    expectOneLine(await create("/proc/holdfast"), databaseFile("/proc/holdfast"), /ENOENT/);
  });

  it.runIf(canBeUnprivileged)("that may not be written stops the start with one line", async () => {
    const folder = temporaryFolder();
    if (IS_ROOT) chownSync(folder, NOBODY, NOBODY);
    chmodSync(folder, 0o500);
    expectOneLine(await create(folder, UNPRIVILEGED), databaseFile(folder), /EACCES/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.runIf(canBeUnprivileged)("with a file that may not be written stops the start", async () => {
    const folder = await usedFolder();
    const file = databaseFile(folder);
    if (IS_ROOT) for (const path of [folder, file]) chownSync(path, NOBODY, NOBODY);
    chmodSync(file, 0o400);
    const before = snapshot(folder);
    expectOneLine(await cleanup(folder, UNPRIVILEGED), file, /EACCES/);
    expect(snapshot(folder)).toEqual(before);
  });

  it("is made for its owner alone, and so is everything in it", async () => {
    const parent = join(temporaryFolder(), "new");
    const folder = join(parent, "data");
    await startServer({ folder });
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect([mode(parent), mode(folder)]).toEqual(["700", "700"]);
    const files = readdirSync(folder).toSorted();
    expect(files).toEqual(["holdfast.db", "holdfast.db-shm", "holdfast.db-wal"]);
    expect(files.map((file) => mode(join(folder, file)))).toEqual(["600", "600", "600"]);
  });

  it("that is there already keeps its mode", async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o750);
    expect(await create(folder)).toMatchObject({ code: 0 });
    expect((statSync(folder).mode & 0o777).toString(8)).toBe("750");
  });

  it("that is empty serves several processes that start at the same moment", async () => {
    const folder = join(temporaryFolder(), "data");
    const servers = await Promise.all([1, 2, 3].map(() => startServer({ folder })));
    const clients = await Promise.all(
      servers.map(({ url }) => connect("v2", { url: `${url}?name=shared` })),
    );
    const said = await Promise.all(
      clients.map((client, n) => client.call("history_append", { role: "user", content: `${n}` })),
    );
    expect(said.map(({ data }) => data.seq).toSorted()).toEqual([1, 2, 3]);
    expect(new Set(said.map(({ data }) => data.session)).size).toBe(1);
    const database = openDatabase(folder, { readonly: false });
    expect(rowCounts(database)).toMatchObject({
      sessions: 1,
      clients: 3,
      messages: 3,
      instances: 3,
    });
    expect(
      database
        .prepare("SELECT count(*) - count(DISTINCT hash) FROM __drizzle_migrations")
        .pluck()
        .get(),
    ).toBe(0);
    expect(findDamage(database)).toEqual([]);
    for (const server of servers) expect(server.errors()).toBe("");
  });
});

describe.runIf(process.platform === "linux")("a program that starts", () => {
  const states = { making: undefined, upgrading: migrations.slice(0, 1) };

  it.each(Object.entries(states))("waits for another that is %s the tables", async (_, old) => {
    const folder = temporaryFolder();
    const file = databaseFile(folder);
    const first = openConnection(file);
    onTestFinished(() => void first.close());
    if (old !== undefined) migrate(first, old);
    first.exec("BEGIN IMMEDIATE");
    migrate(first);
    const second = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...CLEANUP, folder], { stdio: "pipe" });
    const closed = once(second, "close");
    const open = () =>
      readdirSync(`/proc/${second.pid}/fd`).map((fd) => linkOf(`/proc/${second.pid}/fd/${fd}`));
    await expect.poll(open).toContain(`${file}-shm`);
    first.exec("COMMIT");
    expect(await closed).toEqual([0, null]);
  });
});

/** Write a file until the disk is full, whatever else is written there meanwhile. */
function fillDisk(file: string): void {
  const descriptor = openSync(file, "w");
  try {
    for (let size = 1 << 20; size > 0; size >>= 1)
      for (let written = size; written === size;)
        written = writeAsMuchAsFits(descriptor, Buffer.alloc(size));
  } finally {
    closeSync(descriptor);
  }
}

function writeAsMuchAsFits(descriptor: number, bytes: Buffer): number {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") return 0;
    throw error;
  }
}

const MOUNTED = canMount ? "" : " (skipped: this machine mounts nothing for us)";

describe.runIf(canMount)(`a disk that runs full under a server${MOUNTED}`, () => {
  it("fails writes with what to do, keeps serving reads, and goes on once there is room", async () => {
    const folder = temporaryFolder();
    const args = ["--log-level", "silent"];
    const server = await startServer({
      folder,
      args,
      program: [...ownDisk(folder, "3m"), ...PROGRAM],
    });
    const seen = join(`/proc/${server.pid}/root`, folder);
    const ready = async () => (await fetch(new URL("/readyz", server.url))).status;
    const client = await connect("v2", server);
    await client.call("state_set", { key: "before", value: 1 });
    expect(await ready()).toBe(200);

    fillDisk(join(seen, "filler"));
    // The log's file has room of its own for a while.
    const text = "x".repeat(100_000);
    const set = () => client.call("state_set", { key: "before", value: text });
    let version = 1;
    let refused = await set();
    while (!refused.isError) {
      version = refused.data["version"] as number;
      refused = await set();
    }
    expect(refused).toMatchObject({ isError: true, meta: { "holdfast/error": "storage_full" } });
    expect(refused.text).toContain("Free some space");
    expect((await client.call("state_get", { key: "before" })).data).toMatchObject({
      ...{ found: true, version, value: version === 1 ? 1 : text },
    });
    // A checkpoint may have made room in the log for a small write: fill that too.
    while ((await ready()) !== 503) {
      fillDisk(join(seen, "filler"));
      const { isError, data } = await set();
      if (!isError) version = data["version"] as number;
    }

    rmSync(join(seen, "filler"));
    expect(await ready()).toBe(200);
    const after = await client.call("state_set", { key: "before", value: 2 });
    expect(after).toMatchObject({ isError: false, data: { version: version + 1 } });
    expect(await server.stop()).toBe(0);
  });

  it("still deletes, with the room that the ballast kept, and gives back what was deleted", async () => {
    const folder = temporaryFolder();
    const server = await startServer({
      folder,
      program: [...ownDisk(folder, "3m"), ...PROGRAM],
    });
    const seen = join(`/proc/${server.pid}/root`, folder);
    const ballast = ballastFile(databaseFile(seen));
    const client = await connect("v2", server);
    const { data } = await client.call("session_open", { title: "Long" });
    const session = data["session"] as string;
    await expect.poll(() => existsSync(ballast)).toBe(true);
    const { size, blocks, mode } = statSync(ballast);
    expect(blocks * 512).toBeGreaterThanOrEqual(size);
    expect(mode & 0o777).toBe(0o600);

    const side = (await client.call("session_open", { title: "Side" })).data["session"] as string;
    await client.call("history_append", { session: side, role: "user", content: "Short." });
    const append = (characters: number) =>
      client.call("history_append", { session, role: "user", content: "x".repeat(characters) });
    const fill = async () => {
      while (!(await append(60_000)).isError);
    };
    await fill();
    fillDisk(join(seen, "filler"));
    expect((await append(60_000)).meta).toEqual({ "holdfast/error": "storage_full" });
    expect(statSync(ballast).size).toBe(size);
    for (const command of [["cleanup"], ["sessions", "list"]])
      expect(await run([...command, "--data-dir", seen])).toMatchObject({ code: 0, stderr: "" });

    const keyed = (tool: string) =>
      callModern(server.url, tool, { session: side }, { meta: { "holdfast/request-key": tool } });
    expect(await keyed("session_clear")).toMatchObject({ isError: false });
    expect(await keyed("session_delete")).toMatchObject({ data: { deleted: true } });
    expect((await client.call("session_delete", { session })).text).toMatch(/eleted/);
    expect(statSync(ballast).size).toBe(size);
    expect(statfsSync(seen).bavail).toBeGreaterThan(0);
    await expect(client.call("session_open", { title: "Next" })).resolves.toMatchObject({
      isError: false,
    });
    expect(await server.stop()).toBe(0);
    const lines = server.errors().trimEnd().split("\n");
    for (const line of lines) {
      const told = JSON.parse(line) as object;
      expect(told).toMatchObject({
        level: "warn",
        reason: expect.stringContaining("disk is full"),
      });
      expect(told).not.toHaveProperty("err");
    }
  });
});

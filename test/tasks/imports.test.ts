// Files that people import in the console, over deaths of the process.
import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Uploads } from "../../src/imports/uploads.ts";
import { temporaryFolder } from "../support/folder.ts";
import { canMount, ownDisk } from "../support/own-disk.ts";
import { browserAt } from "../support/plain-browser.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { PROGRAM, run, type ServerProcess, startServer } from "../support/process.ts";
import { rows } from "../support/rows.ts";
import { SOON } from "../support/tasks.ts";
import { endLine, jsonl, messageLine, sessionLine } from "../support/transfer.ts";

const MESSAGES = 4;

const idOf = (n: number): string => `11111111-1111-4111-8111-${String(n).padStart(12, "0")}`;

/** An export of so many sessions. */
const exportOf = (sessions: number): string =>
  Array.from({ length: sessions }, (_, n) =>
    jsonl(
      sessionLine({ id: idOf(n), name: null, title: `Reef ${n}` }),
      ...Array.from({ length: MESSAGES }, (_, m) => messageLine(m + 1)),
      endLine(0, MESSAGES),
    ),
  ).join("");

interface Place {
  /** The data folder, or the database. */
  folder: string;
  /** Settings of the commands that look at it. */
  settings: string[];
  /** The folder of files of a server with this folder for temporary files. */
  uploads(temporary: string): string;
  rows(query: string): Promise<Record<string, unknown>[]>;
}

/** Names in the folder, without the dot file with its id. */
const names = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => !name.startsWith("."))
    .toSorted();

const ENGINES: Readonly<Record<string, () => Promise<Place>>> = {
  SQLite: async () => {
    const folder = temporaryFolder();
    return Promise.resolve({
      folder,
      settings: ["--data-dir", folder],
      uploads: () => join(folder, "uploads"),
      rows: async (query) => Promise.resolve(rows(folder, query)),
    });
  },
  PostgreSQL: async () => {
    const { url, client } = await emptyDatabase();
    return {
      folder: url,
      settings: ["--database-url", url],
      uploads: (temporary) =>
        join(
          temporary,
          names(temporary).find((name) => name.startsWith("holdfast-uploads-"))!,
        ),
      rows: async (query) => (await client.query<Record<string, unknown>>(query)).rows,
    };
  },
};

/** The tasks as the command tells them. */
async function tasksIn({ settings }: Place): Promise<Record<string, unknown>[]> {
  const { stdout } = await run(["tasks", "list", "--json", ...settings]);
  return JSON.parse(stdout) as Record<string, unknown>[];
}

const page = async ({ url }: Pick<ServerProcess, "url">): Promise<string> =>
  (await browserAt(url).get("/console/import")).text();

/** Sends a file, waits for its rehearsal, and says yes. */
async function begin({ url }: ServerProcess, file: string): Promise<void> {
  const browser = browserAt(url);
  expect((await browser.upload(file)).status).toBe(303);
  await expect.poll(() => page({ url }), SOON).toMatch(/Would import[^]*>Import</);
  await browser.send("/console/import", "/console/import/start");
}

/** Resolves in the middle of the import. */
const underWay = (server: ServerProcess): Promise<void> =>
  expect.poll(() => page(server), SOON).toContain("Importing export.jsonl");

describe.each(Object.keys(ENGINES))("on %s an import in the console", (engine) => {
  const started = async () => {
    const place = await ENGINES[engine]!();
    const temporary = temporaryFolder();
    const start = (TMPDIR = temporary): Promise<ServerProcess> =>
      startServer({ folder: place.folder, env: { TMPDIR } });
    const folder = (): string => place.uploads(temporary);
    return { place, start, folder, uploads: () => names(folder()), server: await start() };
  };

  it("goes on after kills and a stop, while it asks and in its middle, to one outcome, and its file goes", async () => {
    const { place, start, uploads, server: first } = await started();
    const sessions = 1_000;
    await browserAt(first.url).upload(exportOf(sessions));
    const rehearsed = `Would import ${sessions} sessions (${sessions * MESSAGES} messages)`;
    await expect.poll(() => page(first), SOON).toContain(rehearsed);
    await first.kill();
    const second = await start();
    expect(await page(second)).toContain(rehearsed);
    expect(await tasksIn(place)).toMatchObject([{ status: "input_required" }]);
    await browserAt(second.url).send("/console/import", "/console/import/start");
    await underWay(second);
    const checkpoint = async (): Promise<unknown> =>
      (await place.rows("SELECT checkpoint FROM tasks"))[0]!["checkpoint"];
    await expect.poll(checkpoint, SOON).toMatch(/"done":[1-9]/);
    await second.kill();
    const [task] = await tasksIn(place);
    expect(task).toMatchObject({ status: "working" });
    expect((await place.rows("SELECT id FROM sessions")).length).toBeLessThan(sessions);
    expect(uploads()[0]).toBe(task!["id"]);
    const third = await start();
    expect(await third.stop()).toBe(0);
    const fourth = await start();
    const outcome = `Imported ${sessions} sessions (${sessions * MESSAGES} messages).`;
    await expect.poll(() => page(fourth), SOON).toContain(outcome);
    await expect.poll(uploads, SOON).toEqual([]);
    const [ended, ...others] = await tasksIn(place);
    expect(others).toEqual([]);
    expect(ended).toMatchObject({ id: task!["id"], status: "completed", status_message: outcome });
    const list = ["sessions", "list", "--json", "--limit", String(sessions + 1)];
    const { stdout } = await run([...list, ...place.settings]);
    const there = JSON.parse(stdout) as { id: string; messages: number }[];
    expect(new Set(there.map(({ id }) => id)).size).toBe(sessions);
    expect(there.every(({ messages }) => messages === MESSAGES)).toBe(true);
  });

  it("ends when it is cancelled on the page of activity, and what is in stays", async () => {
    const { place, uploads, server } = await started();
    await begin(server, exportOf(1_000));
    await underWay(server);
    await expect.poll(() => place.rows("SELECT id FROM sessions"), SOON).not.toEqual([]);
    const browser = browserAt(server.url);
    const activity = await (await browser.get("/console/activity")).text();
    expect(activity).toMatch(/console import[^]*Importing export.jsonl[^]*<progress/);
    const path = /\/console\/activity\/tasks\/[-0-9a-f]+\/cancel/.exec(activity)![0];
    await browser.send("/console/activity", path);
    await expect.poll(() => page(server), SOON).toContain("Stopped. What is in stays");
    await expect.poll(uploads, SOON).toEqual([]);
    expect(await tasksIn(place)).toMatchObject([{ status: "cancelled" }]);
    expect(await place.rows("SELECT id FROM sessions")).not.toEqual([]);
  });

  it("removes what a process that died has left, and neither a file that waits nor one that comes", async () => {
    const { place, start, folder: folderOf, server } = await started();
    await browserAt(server.url).upload(exportOf(1));
    await expect.poll(() => page(server), SOON).toContain("Would import 1 session");
    const [task] = await tasksIn(place);
    await server.kill();
    const folder = folderOf();
    const put = (name: string, hoursAgo: number): void => {
      const at = Date.now() / 1_000 - hoursAgo * 3_600;
      writeFileSync(join(folder, name), "x");
      utimesSync(join(folder, name), at, at);
    };
    mkdirSync(join(folder, `${idOf(1)}-spool`));
    utimesSync(join(folder, `${idOf(1)}-spool`), 0, 0);
    put(idOf(1), 2);
    put(idOf(2), 0);
    utimesSync(join(folder, String(task!["id"])), 0, 0);
    await start();
    await expect.poll(() => names(folder), SOON).toEqual([idOf(2), String(task!["id"])].toSorted());
  });
});

it("runs on the node that has its file, whichever node is asked, and fails where that node is gone for good", async () => {
  const place = await ENGINES["PostgreSQL"]!();
  const [here, there] = [temporaryFolder(), temporaryFolder()];
  const start = (TMPDIR: string): Promise<ServerProcess> =>
    startServer({ folder: place.folder, env: { TMPDIR } });
  const [first, other] = [await start(here), await start(there)];
  const asked = async (): Promise<void> => {
    await browserAt(first.url).upload(exportOf(20));
    await expect.poll(() => page(other), SOON).toMatch(/Would import[^]*>Import</);
  };
  const accept = () => browserAt(other.url).send("/console/import", "/console/import/start");
  await asked();
  await accept();
  await expect.poll(() => page(other), SOON).toContain("Imported 20 sessions");
  await place.rows("DELETE FROM sessions");
  await asked();
  await first.kill();
  await accept();
  const again = await start(there);
  expect(await tasksIn(place)).toMatchObject([{ status: "working" }, { status: "completed" }]);
  await place.rows("UPDATE tasks SET updated_at = updated_at - 600000 WHERE status = 'working'");
  const last = await start(there);
  await expect
    .poll(() => page(last), SOON)
    .toMatch(/is gone. What is in stays. Send the file again/);
  expect(await page(again)).toContain("Send the file again");
  const [failed] = await tasksIn(place);
  expect(failed).toMatchObject({ status: "failed" });
});

it.runIf(canMount)(
  "is left alone by a node that has a folder of its own under the same path",
  async () => {
    const place = await ENGINES["PostgreSQL"]!();
    const temporary = temporaryFolder();
    const start = (): Promise<ServerProcess> =>
      startServer({
        folder: place.folder,
        env: { TMPDIR: temporary },
        program: [...ownDisk(temporary, "32m"), ...PROGRAM],
      });
    const [first, other] = [await start(), await start()];
    await browserAt(other.url).upload(exportOf(1)); // so that both have a folder
    await expect.poll(() => page(other), SOON).toMatch(/Would import[^]*>Import</);
    await browserAt(first.url).upload(exportOf(20));
    await expect.poll(() => page(other), SOON).toMatch(/Would import 20 [^]*>Import</);
    process.kill(first.pid, "SIGSTOP");
    await browserAt(other.url).send("/console/import", "/console/import/start");
    expect(await page(other)).not.toContain("Send the file again");
    process.kill(first.pid, "SIGCONT");
    await expect.poll(() => page(other), SOON).toContain("Imported 20 sessions");
  },
);

it("has one id for its folder, whichever process makes it first, and a torn id is made anew", async () => {
  const folder = join(temporaryFolder(), "uploads");
  const all = Array.from({ length: 8 }, () => new Uploads(folder, { isNodes: true }));
  await all[0]!.find();
  expect(all[0]!.tool).toBeUndefined();
  await Promise.all(all.map((uploads) => uploads.prepare()));
  const tools = new Set(all.map(({ tool }) => tool));
  expect([...tools]).toEqual([expect.stringMatching(/^console import @[0-9a-f]{8}$/)]);
  const file = join(folder, ".id");
  expect(readdirSync(folder)).toEqual([".id"]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  writeFileSync(file, "");
  const later = new Uploads(folder, { isNodes: true });
  await later.find();
  expect(later.tool).toBeUndefined();
  await all[0]!.prepare(); // it knows the id
  await later.prepare();
  expect([...tools]).toEqual([later.tool]);
});

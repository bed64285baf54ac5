// `holdfast sessions`: what people and programs see of the stored conversations.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { deleteSessions } from "../../src/cli/sessions/delete.ts";
import { findSessions } from "../../src/cli/sessions/find.ts";
import { listSessions } from "../../src/cli/sessions/list.ts";
import { showSession } from "../../src/cli/sessions/show.ts";
import { widthOf } from "../../src/cli/terminal/text.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { connect } from "../support/clients.ts";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startServer } from "../support/process.ts";
import { rows } from "../support/rows.ts";
import { sitting } from "../support/terminal.ts";
import {
  appOn,
  endLine,
  ID,
  imported,
  jsonl,
  messageLine,
  sessionFile,
  sessionLine,
  stateLine,
} from "../support/transfer.ts";

const sessions = (folder: string, ...args: string[]) =>
  command(["sessions", ...args, "--data-dir", folder]);

/** A folder with a session for each file. */
async function folderOf(...files: string[]): Promise<string> {
  const folder = temporaryFolder();
  const app = await appOn(folder);
  for (const file of files) await imported(app, file, { keepOwners: true });
  await app.stop();
  return folder;
}

const OTHER = ID.replaceAll("1", "2");

describe("sessions list", () => {
  it("shows what clients have made, beside the running server, to people and to programs", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder });
    const client = await connect("v2", { url: `${server.url}?name=work` });
    await client.call("session_update", { title: "Reef notes" });
    await client.call("state_set", { key: "k", value: 1 });
    const { data } = await client.call("history_append", { role: "user", content: "Hello" });
    const [table, json] = [
      await sessions(folder, "list"),
      await sessions(folder, "list", "--json"),
    ];
    expect(table).toMatchObject({ code: 0, stderr: "" });
    expect(table.stdout).toMatch(
      new RegExp(`${data["session"] as string}  work: Reef notes +1 +1  just now  .*test-client`),
    );
    expect(table.stdout).not.toContain("owner");
    const iso = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(JSON.parse(json.stdout)).toEqual([
      {
        ...{
          id: data["session"],
          owner: "local",
          access: "own",
          name: "work",
          title: "Reef notes",
          pinned: false,
          temporary: false,
        },
        ...{ shared: false, program: "test-client" },
        ...{ messages: 1, state_keys: 1, created_at: iso, last_active_at: iso, expires_at: null },
        last_message_at: iso,
      },
    ]);
    expect(table.stdout).not.toContain("last message");
  });

  it("finds by text, counts to a limit, tells owners apart, and says what to do when there is nothing", async () => {
    const folder = await folderOf(
      sessionFile(1, { title: "Crab" }),
      sessionFile(1, { id: OTHER, owner: "ana", title: "Wal\u001b[31m\u0007\nfish" }),
      sessionFile(1, { id: ID.replaceAll("1", "3"), name: null, title: "Krebs" }),
    );
    const ids = async (...args: string[]) =>
      (
        JSON.parse((await sessions(folder, "list", "--json", ...args)).stdout) as { id: string }[]
      ).map(({ id }) => id[0]);
    expect(await ids()).toEqual(["3", "1"]);
    expect((await sessions(folder, "list")).stdout).toMatch(/last used +last message\n.* ago\n/);
    expect(await ids("--query", "KREB")).toEqual(["3"]);
    expect(await ids("--principal", "ana")).toEqual(["2"]);
    expect(await ids("--all", "--limit", "2")).toEqual(["3", "2"]);
    const some = await sessions(folder, "list", "--all", "--limit", "2");
    expect(some.stdout).toMatch(/ {2}ana\n/);
    expect(some.stdout).toMatch(/work: Wal.*fish/); // nothing steers the terminal
    expect(some.stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(some.stderr).toContain("--limit shows more");
    expect((await sessions(folder, "list", "--query", "x")).stdout).toContain("without --query");
    const nobody = await sessions(folder, "list", "--principal", "nobody");
    expect(nobody).toMatchObject({ code: 0, stdout: expect.stringContaining("--all") });
    expect((await sessions(folder, "list", "--limit", "0")).code).toBe(1);
  });
});

it.each([["list"], ["show", "x"], ["export", "--all"], ["delete", "x", "--yes"]])(
  "sessions %s makes no database where there is none, and says so",
  async (...args) => {
    const folder = join(temporaryFolder(), "none");
    const { code, stdout, stderr } = await sessions(folder, ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`${folder}/holdfast.db: There is no database here.`);
    expect(existsSync(folder)).toBe(false);
  },
);

it("sessions list tells which sessions are temporary, and so do the tools", async () => {
  const folder = temporaryFolder();
  const client = await connect("v2", await startServer({ folder }));
  const { data } = await client.call("session_open", { title: "Scratch", temporary: true });
  await client.call("session_open", { title: "Kept", name: "kept" });
  expect(data).toMatchObject({ temporary: true });
  const { stdout } = await sessions(folder, "list");
  expect(stdout).toContain("  Scratch (temporary)  ");
  expect(stdout).toContain("  kept: Kept  ");
  const json = JSON.parse((await sessions(folder, "list", "--json")).stdout) as object[];
  expect(json).toMatchObject([{ temporary: false }, { temporary: true }]);
});

describe("sessions show", () => {
  const FILE = jsonl(
    sessionLine({ title: "Reef 😀", system: "Be\u0007 kind.", owner: "ana" }),
    stateLine("colour", { value: { a: "x".repeat(500) } }),
    messageLine(1, { content: `${"seaweed ".repeat(30)}\r\n${"日本".repeat(60)}` }),
    messageLine(2, {
      role: "assistant",
      model: "m-1",
      content: "\u001b]0;owned\u0007\u001b[2J ok",
    }),
    messageLine(3, { status: "failed", content: "y".repeat(300) }),
    endLine(1, 3),
  );

  async function shownAt(columns: number | undefined, flags: object = {}): Promise<string> {
    const folder = await folderOf(FILE);
    const person = sitting(columns === undefined ? {} : { columns });
    const settings = { "data-dir": folder };
    await showSession(settings, "work", { principal: "ana", ...flags }, person.terminal);
    return person.output();
  }

  it.each([40, 72, 300])("fits a terminal of %d columns, in colours", async (columns) => {
    const text = await shownAt(columns);
    expect(text).toContain("\u001b[1mReef 😀\u001b[22m");
    const plain = stripVTControlCharacters(text);
    for (const line of plain.split("\n"))
      expect(widthOf(line), line).toBeLessThanOrEqual(Math.min(100, columns));
    expect(plain.replaceAll(/\s+/g, "")).toContain("日本".repeat(60));
    expect(plain).toMatch(/You {2}#1 · \d{4}/);
    expect(plain).toMatch(/Assistant {2}#2 · .* · m-1/);
    expect(plain).toMatch(/You {2}#3 · .* · failed/);
    expect(plain).toMatch(/State\n {2}colour = \{"a":"xxx.*… {2}v2\n/);
  });

  it("has no colours in a pipe, and nothing that steers a terminal", async () => {
    const text = await shownAt(undefined);
    expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(text).toContain(" ok");
    expect(text).not.toContain("owned");
  });

  it("shows the last messages when asked to", async () => {
    const text = await shownAt(undefined, { last: 1 });
    expect(text).toContain("(2 earlier messages)");
    expect(text).toContain("#3");
    expect(text).not.toContain("#2");
    const json = JSON.parse(await shownAt(undefined, { last: 2, json: true })) as object;
    expect(json).toMatchObject({
      ...{ id: ID, owner: "ana", messages: 3, system: "Be\u0007 kind." },
      state: [{ key: "colour", version: 2 }],
      history: [{ seq: 2 }, { seq: 3, status: "failed" }],
    });
  });

  it("finds by id whoever has it, by name only the principal's, and is no use of the session", async () => {
    const folder = await folderOf(FILE);
    const before = rows(folder, "SELECT * FROM sessions");
    expect((await sessions(folder, "show", ID)).stdout).toContain("of ana");
    expect((await sessions(folder, "show", "work", "--principal", "ana")).code).toBe(0);
    const missing = await sessions(folder, "show", "work");
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toContain("sessions list --all");
    expect(rows(folder, "SELECT * FROM sessions")).toEqual(before);
  });

  it("finds by a part of a title that only one session has, and a whole title before a part", async () => {
    const [reef, atoll] = [{ title: "Reef" }, { id: OTHER, name: "far", title: "Reef and atoll" }];
    const own = { owner: "local" };
    const folder = await folderOf(
      sessionFile(1, { ...own, ...reef }),
      sessionFile(1, { ...own, ...atoll }),
    );
    expect((await sessions(folder, "show", "ATOLL")).stdout).toContain(OTHER);
    expect((await sessions(folder, "show", "reef")).stdout).toContain(ID);
    expect((await sessions(folder, "show", "ree")).stderr).toContain(
      'holdfast sessions list --query "ree" shows them',
    );
    expect((await sessions(folder, "delete", "ATOLL", "--yes")).code).toBe(1);
  });
});

it("sessions show leaves code as it is, however narrow the terminal", async () => {
  const long = "const reef = [1, 2, 3].map((one) => one * one).filter(Boolean);";
  const content = `Prose that is too long for one line.\n\`\`\`js\n${long}\n\`\`\`\n\n    ${long}`;
  const file = jsonl(sessionLine(), messageLine(1, { content }), endLine(0, 1));
  const folder = await folderOf(file);
  const person = sitting({ columns: 30 });
  await showSession({ "data-dir": folder }, "work", { principal: "local" }, person.terminal);
  const text = stripVTControlCharacters(await person.output());
  expect(text).toContain(`\n  ${long}\n`);
  expect(text).toContain(`\n      ${long}\n`);
  expect(text).not.toContain("too long for one line");
});

it.each([80, 100, 200])(
  "sessions list fits a terminal of %d columns, and no title is empty",
  async (columns) => {
    const folder = await folderOf(
      sessionFile(1, { title: "日本語 👩‍👩‍👧‍👦 ".repeat(13), pinned: true }),
      sessionFile(1, { id: OTHER, name: null, title: null }),
      jsonl(sessionLine({ id: ID.replaceAll("1", "3"), name: null, title: " " }), endLine(0, 0)),
    );
    const person = sitting({ columns });
    const flags = { principal: "local", limit: 50 };
    await listSessions({ "data-dir": folder }, flags, person.terminal);
    const text = stripVTControlCharacters(await person.output());
    const lines = text.trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(columns);
    expect(lines.some((line) => /^2{8}\S*  message 1 /.test(line))).toBe(true);
    expect(lines.some((line) => /^3{8}\S*  untitled /.test(line))).toBe(true);
    expect(text).toMatch(/work: 日本語.*…? \(pinned\) /);
    const app = await appOn(folder);
    expect(await findSessions(app, ["22222222"], "local")).toMatchObject([{ id: OTHER }]);
  },
);

describe("sessions delete", () => {
  const both = () => folderOf(sessionFile(2), sessionFile(1, { id: OTHER, name: "other" }));
  const left = (folder: string) => rows(folder, "SELECT id FROM sessions").length;

  it("deletes by id and by name without asking when told so, and notes it", async () => {
    const folder = await both();
    const done = await sessions(folder, "delete", "work", OTHER, ID, "--yes");
    expect(done).toMatchObject({ code: 0, stdout: "Deleted 2 sessions with all they held.\n" });
    expect(rows(folder, "SELECT * FROM messages")).toEqual([]);
    const noted =
      "SELECT principal, subject FROM audit WHERE action = 'session deleted' ORDER BY id";
    expect(rows(folder, noted)).toEqual([
      { principal: "local", subject: ID },
      { principal: "local", subject: OTHER },
    ]);
  });

  it("deletes nothing when one is not there, or when nobody can be asked", async () => {
    const folder = await both();
    const missing = await sessions(folder, "delete", "work", "gone", "gone too", "--yes");
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('"gone", "gone too"');
    const pipe = await sessions(folder, "delete", "work");
    expect(pipe).toMatchObject({ code: 1, stderr: expect.stringContaining("--yes") });
    expect(left(folder)).toBe(2);
  });

  it.each([
    ["y\n", 1],
    ["YES\n", 1],
    ["n\n", 2],
    ["\n", 2],
  ])("asks at a terminal, and takes %j for an answer", async (types, count) => {
    const folder = await both();
    const person = sitting({ types, columns: 80 });
    await deleteSessions({ "data-dir": folder }, ["work"], { principal: "local" }, person.terminal);
    expect(left(folder)).toBe(count);
    expect(await person.errors()).toMatch(/Reef {2}\(2 messages, 1 state keys?\)[^]*for good\?/);
  });
});

it("flags that contradict each other are refused", async () => {
  const folder = await folderOf(sessionFile(1));
  const file = join(folder, "file");
  writeFileSync(file, sessionFile(1));
  for (const args of [
    ["list", "--all", "--principal", "ana"],
    ["export"],
    ["export", "work", "--all"],
    ["export", "--all", "--format", "html"],
    ["import", file, "--format", "html"],
    ["import", file, "--keep-owners", "--principal", "ana"],
    ["import", file, "--principal", " "],
    ["import"],
    ["delete"],
  ]) {
    const { code, stdout } = await sessions(folder, ...args);
    expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: "" });
  }
  expect(existsSync(databaseFile(folder))).toBe(true);
});

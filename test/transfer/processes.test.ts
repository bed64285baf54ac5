// Export and import as commands: beside a running server, through pipes and files, killed in the middle.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { connect } from "../support/clients.ts";
import { command } from "../support/command.ts";
import { findDamage, openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { cleanEnv, PROGRAM, startServer } from "../support/process.ts";
import { rows } from "../support/rows.ts";
import {
  appOn,
  endLine,
  exported,
  ID,
  imported,
  jsonl,
  messageLine,
  sessionFile,
  sessionLine,
  timeless,
} from "../support/transfer.ts";

const sessions = (folder: string, ...args: string[]) =>
  command(["sessions", ...args, "--data-dir", folder]);

function fileWith(content: string): string {
  const file = join(temporaryFolder(), "sessions.jsonl");
  writeFileSync(file, content);
  return file;
}

/** Runs a command with this on its standard input. */
async function fed(input: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...args], { env: cleanEnv(env) });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (said += String(chunk)));
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said };
}

it("a session that is imported beside a running server is there at once, and its followers hear of it", async () => {
  const folder = temporaryFolder();
  const server = await startServer({ folder });
  const client = await connect("v2", server);
  await client.follow("holdfast://sessions", `holdfast://sessions/${ID}`);
  const done = await sessions(folder, "import", fileWith(sessionFile(3)));
  expect(done).toEqual({ code: 0, stdout: "Imported 1 session (3 messages).\n", stderr: "" });
  expect((await client.call("history_get", { session: ID })).data["messages"]).toHaveLength(3);
  await expect
    .poll(() => [...client.updates].toSorted())
    .toEqual(["holdfast://sessions", `holdfast://sessions/${ID}`]);
  await sessions(folder, "import", fileWith(sessionFile(5)));
  expect((await client.call("history_get", { session: ID })).data["messages"]).toHaveLength(5);
  expect((await sessions(folder, "delete", ID, "--yes")).code).toBe(0);
  expect((await client.call("history_get", { session: ID })).isError).toBe(true);
  const noted = rows(folder, `SELECT * FROM audit WHERE subject = '${ID}' ORDER BY id`);
  expect(noted.map(({ principal, action, detail }) => [principal, action, detail])).toEqual([
    ["local", "session imported", "new, 3 messages"],
    ["local", "session imported", "continued, 2 messages"],
    ["local", "session deleted", null],
  ]);
});

it("an export is of one moment for each session, while it is written to", async () => {
  const folder = temporaryFolder();
  const client = await connect(
    "v2",
    await startServer({ folder, args: ["--durability", "normal"] }),
  );
  const { session } = (await client.call("session_info")).data;
  const write = async (n: number): Promise<void> => {
    await client.call("state_set", { key: "n", value: n });
    await client.call("history_append", { role: "user", content: `${n}` });
  };
  await write(1);
  let stop = false;
  const writing = (async () => {
    for (let n = 2; !stop; n += 1) await write(n);
  })();
  for (let n = 0; n < 3; n += 1) {
    const { stdout } = await sessions(folder, "export", "--all");
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const messages = lines.slice(2, -1);
    expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_, index) => index + 1));
    expect(lines.at(-1)).toEqual({ type: "end", state: 1, messages: messages.length });
    // The value was written just before the message of the same number.
    expect([0, 1]).toContain((lines[1]!["value"] as number) - messages.length);
  }
  stop = true;
  await writing;
  const noted = rows(folder, "SELECT * FROM audit WHERE action = 'session exported'");
  expect(noted).toHaveLength(3);
  expect(noted[0]).toMatchObject({ principal: "local", subject: session, detail: "jsonl" });
});

it("an import that is killed leaves whole sessions only, and the next one does the rest", async () => {
  const folder = temporaryFolder();
  const idOf = (n: number): string => `${String(n).padStart(8, "0")}${ID.slice(8)}`;
  const files = Array.from({ length: 60 }, (_, n) => {
    const count = n % 6 === 3 ? 1_500 : 5;
    return jsonl(
      sessionLine({ id: idOf(n), name: `s${n}`, created_at: new Date(n * 1000).toISOString() }),
      ...Array.from({ length: count }, (_, m) => messageLine(m + 1)),
      endLine(0, count),
    );
  });
  const file = fileWith(files.join(""));
  const args = ["sessions", "import", file, "--data-dir", folder];
  let kills = 0;
  let partial = 0;
  for (;;) {
    const child = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...args], { env: cleanEnv() });
    const exited = once(child, "exit") as Promise<[number | null]>;
    if (kills < 3) {
      const stored = messagesIn(folder);
      const before = kills === 0 ? 0 : stored.count();
      while (child.exitCode === null && stored.count() < before + 2_300) await sleep(2);
      child.kill("SIGKILL");
      stored.close(); // the next process is the first to open the file, and recovers it
    }
    const [code] = await exited;
    const app = await appOn(folder);
    const text = timeless(await exported(app));
    await app.stop();
    for (const part of files.map(timeless))
      expect(text.includes(part) || !text.includes(part.slice(0, 90))).toBe(true);
    partial += rows(folder, "SELECT * FROM sessions WHERE last_active_at = 0").length;
    if (code === 0) {
      expect(text).toBe(timeless(files.join("")));
      break;
    }
    kills += 1;
  }
  expect(kills).toBe(3);
  expect(partial).toBeGreaterThan(0); // it was killed in the middle of one
  expect((await command(args)).stdout).toBe("Imported 0 sessions (0 messages), 60 unchanged.\n");
  expect(findDamage(openDatabase(folder, { readonly: false }))).toEqual([]);
});

/** Counts on one connection, which reads the tables' definitions once. */
function messagesIn(folder: string): { count(): number; close(): void } {
  let database: ReturnType<typeof openDatabase> | undefined;
  let query: { get(): unknown } | undefined;
  return {
    count() {
      try {
        database ??= openDatabase(folder);
        query ??= database.prepare("SELECT count(*) FROM messages").pluck();
        return query.get() as number;
      } catch {
        return 0; // not there yet
      }
    },
    close: () => void database?.close(),
  };
}

it("standard input is kept in a private file for as long as it takes", async () => {
  const [folder, tmp] = [temporaryFolder(), temporaryFolder()];
  const args = ["sessions", "import", "-", "--data-dir", folder];
  const done = await fed(sessionFile(2), args, { TMPDIR: tmp });
  expect(done).toEqual({ code: 0, said: "Imported 1 session (2 messages).\n" });
  const wrong = await fed(`${sessionFile(2)}{`, args, { TMPDIR: tmp });
  expect(wrong.code).toBe(1);
  expect(wrong.said.split("\n")[1]).toBe("holdfast: line 6: is not JSON.");
  expect(readdirSync(tmp)).toEqual([]);

  const nowhere = await fed("", args, { TMPDIR: "/dev/null" });
  expect(nowhere.code).toBe(1);
  expect(nowhere.said).toMatch(/^holdfast: \/dev\/null: The temporary folder [^\n]+ TMPDIR\.\n$/);
});

it("an import that is stopped while it reads takes its private file with it", async () => {
  const [folder, tmp] = [temporaryFolder(), temporaryFolder()];
  const args = ["sessions", "import", "-", "--data-dir", folder];
  const child = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...args], {
    env: cleanEnv({ TMPDIR: tmp }),
  });
  let said = "";
  child.stderr.on("data", (chunk) => (said += String(chunk)));
  child.stdin.write("{");
  await expect.poll(() => readdirSync(tmp)).toHaveLength(1);
  const [spool] = readdirSync(tmp);
  expect(statSync(join(tmp, spool!)).mode & 0o777).toBe(0o700);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([1, null]);
  expect(said).toContain("Importing the file again does the rest.");
  expect(readdirSync(tmp)).toEqual([]);
});

it("a rehearsal changes nothing, and makes no database", async () => {
  const folder = join(temporaryFolder(), "none");
  const file = fileWith(sessionFile(2));
  const said = "Would import 1 session (2 messages).\n";
  expect((await sessions(folder, "import", file, "--dry-run")).stdout).toBe(said);
  expect(() => statSync(folder)).toThrow();
  await sessions(folder, "import", file);
  const before = rows(folder, "SELECT * FROM sessions");
  const more = await sessions(folder, "import", fileWith(sessionFile(4)), "--dry-run");
  expect(more.stdout).toBe("Would import 0 sessions (0 messages), 1 continued (2 messages).\n");
  expect(rows(folder, "SELECT * FROM sessions")).toEqual(before);
});

it("a report tells everything, to people and to programs, and conflicts end with an error", async () => {
  const folder = temporaryFolder();
  const app = await appOn(folder);
  const other = (n: number, more: object = {}) => ({
    id: ID.replaceAll("1", `${n}`),
    name: `${n}`,
    ...more,
  });
  for (const [count, n] of [
    [1, 2],
    [3, 3],
    [2, 4],
    [2, 5],
  ] as const)
    await imported(app, sessionFile(count, other(n)));
  await app.stop();
  const file = fileWith(
    [
      sessionFile(1, other(6, { name: "5", owner: "ana" })),
      sessionFile(4, other(2)),
      sessionFile(2, other(3)),
      sessionFile(2, other(4)),
      sessionFile(2, other(5, { title: "Mine\u001b[31m" }), { value: "x" }),
    ].join(""),
  );
  const json = await sessions(folder, "import", file, "--json", "--dry-run");
  const people = await sessions(folder, "import", file);
  expect(people.stdout).toBe(
    "Imported 1 session (1 message), 1 continued (3 messages), 1 unchanged, 1 skipped: 1 grown here since.\n",
  );
  expect(people.code).toBe(1);
  expect(people.stderr).toContain('comes without its name "5"');
  expect(people.stderr).toContain("other owners (ana), which --keep-owners keeps");
  expect(people.stderr).toMatch(/1 session not imported[^]*5555 {2}Mine\n$/);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ...{ dry_run: true, messages: 4, imported: 1, continued: 1, unchanged: 1, behind: 1 },
    ...{ conflicts: 1, empty: 0 },
    sessions: expect.arrayContaining([
      {
        ...{ id: other(6).id, owner: "local", outcome: "imported", messages: 1, lost_name: "5" },
        branch_of: null,
      },
    ]) as unknown,
  });
});

it("an import that is stopped in the middle of a session takes it back", async () => {
  const folder = temporaryFolder();
  const args = ["sessions", "import", fileWith(sessionFile(20_000)), "--data-dir", folder];
  const child = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...args], { env: cleanEnv() });
  const exited = once(child, "exit");
  const stored = messagesIn(folder);
  while (child.exitCode === null && stored.count() < 500) await sleep(2);
  stored.close();
  child.kill("SIGINT");
  expect(await exited).toEqual([1, null]);
  for (const table of ["sessions", "messages", "audit"])
    expect(rows(folder, `SELECT * FROM ${table}`)).toEqual([]);
});

it("an export goes to a private file that is there when it is whole, or not at all", async () => {
  const folder = temporaryFolder();
  await sessions(folder, "import", fileWith(sessionFile(3)));
  const out = temporaryFolder();
  const file = join(out, "all.jsonl");
  const done = await sessions(folder, "export", "--all", "--output", file);
  expect(done).toEqual({ code: 0, stdout: "", stderr: "Exported 1 session.\n" });
  expect(timeless(readFileSync(file, "utf8"))).toBe(timeless(sessionFile(3)));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await sessions(folder, "export", "work", "--format", "markdown", "--force", "--output", file);
  expect(readFileSync(file, "utf8")).toMatch(/^# Reef\n[^]*## 3\. user\n[^]*message 3\n/);
  expect(readdirSync(out)).toEqual(["all.jsonl"]);
  for (const wrong of [out, join(out, "none", "x")]) {
    const { code, stderr } = await sessions(folder, "export", "--all", "--output", wrong);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`${wrong}:`) });
  }
  expect(readdirSync(out)).toEqual(["all.jsonl"]);

  await sessions(folder, "delete", "work", "--yes");
  const nothing = await sessions(folder, "export", "--all", "--force", "--output", file);
  const reason = "holdfast: There are no sessions: nothing was exported.\n";
  expect(nothing).toEqual({ code: 1, stdout: "", stderr: reason });
  expect(readFileSync(file, "utf8")).toMatch(/^# Reef\n/);
});

it("an export whose reader goes away ends", async () => {
  const folder = temporaryFolder();
  await sessions(folder, "import", fileWith(sessionFile(20_000)));
  const args = ["sessions", "export", "--all", "--data-dir", folder];
  const child = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...args], { env: cleanEnv() });
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect(await once(child, "exit")).toEqual([0, null]);
});

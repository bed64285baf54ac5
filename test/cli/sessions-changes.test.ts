// `holdfast sessions rename`, `pin`, `share`, `give`, `clear`, `forget`, `search`, and what a shell completes.
import { spawnSync } from "node:child_process";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { completionScript } from "../../src/cli/completion.ts";
import { createProgram } from "../../src/cli/program.ts";
import {
  clearSession,
  forgetMessages,
  giveSessions,
  pinSession,
  renameSession,
  shareSession,
  unshareSession,
} from "../../src/cli/sessions/change.ts";
import { searchSessions } from "../../src/cli/sessions/search.ts";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { PROGRAM } from "../support/process.ts";
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
} from "../support/transfer.ts";

const OTHER = ID.replaceAll("1", "2");
const local = { principal: "local" };

/** Two sessions of local's, `work` and `play`. */
async function setUp() {
  const folder = temporaryFolder();
  const app = await appOn(folder);
  await imported(app, sessionFile(3));
  await imported(app, sessionFile(1, { id: OTHER, name: "play", title: null }));
  await app.stop();
  const settings = { "data-dir": folder };
  const audited = () =>
    rows(folder, "SELECT principal, action, detail FROM audit ORDER BY id")
      .map((row) => Object.values(row).join(" | "))
      .filter((line) => !line.includes("imported"));
  const sessions = () =>
    rows(folder, "SELECT owner, name, title, pinned FROM sessions ORDER BY id").map((row) =>
      Object.values(row).join(" "),
    );
  return { folder, settings, audited, sessions };
}

it("sessions are renamed, pinned and shared, and a name that is taken stays with its session", async () => {
  const { settings, sessions, audited } = await setUp();
  const { terminal, output } = sitting();
  await renameSession(settings, "work", "reef", { ...local, title: "Atoll" }, terminal);
  await pinSession(settings, "reef", true, local, terminal);
  await expect(renameSession(settings, "reef", "play", local, terminal)).rejects.toMatchObject({
    code: "conflict",
  });
  const bob = { principal: "bob", access: "write" } as const;
  await shareSession(settings, "11111111", bob, { ...local, json: true }, terminal);
  await unshareSession(settings, "reef", "bob", local, terminal);
  expect(sessions()).toEqual(["local reef Atoll 1", "local play  0"]);
  expect(await output()).toMatch(/reef: Atoll now\.\n.*pinned.*\n\{.*"shared_with":\[\{.*\n.*bob/);
  expect(audited()).toEqual([
    "local | session shared | write for bob",
    "local | session unshared | bob",
  ]);
});

it("sessions go to another principal, one by one or all, and a name that is taken there is lost and told", async () => {
  const { folder, settings, sessions, audited } = await setUp();
  const app = await appOn(folder);
  await imported(app, sessionFile(1, { id: ID.replaceAll("1", "3") }), { principal: "ada" });
  const { terminal, errors } = sitting();
  await giveSessions(settings, ["play"], { ...local, to: "ada" }, terminal);
  await giveSessions(settings, [], { ...local, to: "ada", all: true, from: "local" }, terminal);
  expect(sessions()).toEqual(["ada  Reef 0", "ada play  0", "ada work Reef 0"]);
  expect(await errors()).toContain(`${ID} comes without its name "work"`);
  expect(audited()).toEqual(
    Array.from({ length: 2 }, () => "local | session given | from local to ada"),
  );
  // The index knows the new owner.
  expect(await app.search.search({ principal: "ada" }, "message", 9)).toHaveLength(5);
  expect(await app.search.search({ principal: "local" }, "message", 9)).toEqual([]);
});

it("clear and forget ask first, and delete what they say", async () => {
  const { folder, settings, audited } = await setUp();
  const [no, yes] = [sitting({ types: "\n", columns: 80 }), sitting({ types: "y\n", columns: 80 })];
  await clearSession(settings, "work", { ...local, what: "all" }, no.terminal);
  expect(await no.errors()).toContain("Delete 3 messages and 1 state key of work: Reef for good?");
  expect(await no.output()).toBe("Nothing was deleted.\n");
  await forgetMessages(settings, "work", [2], local, yes.terminal);
  expect(rows(folder, `SELECT seq FROM messages WHERE session_id = '${ID}'`)).toEqual([
    { seq: 1 },
    { seq: 3 },
  ]);
  const pipe = sitting();
  await expect(
    clearSession(settings, "work", { ...local, what: "all" }, pipe.terminal),
  ).rejects.toMatchObject({ hint: expect.stringContaining("--yes") });
  await clearSession(settings, "work", { ...local, what: "history", yes: true }, pipe.terminal);
  expect(await pipe.output()).toBe("Deleted 2 messages; work: Reef stays.\n");
  expect(audited()).toEqual(["local | message deleted | #2", "local | session cleared | history"]);
});

it("search finds across sessions, and in one", async () => {
  const { settings } = await setUp();
  const everywhere = sitting();
  await searchSessions(
    settings,
    ["message"],
    { ...local, limit: 9, json: true },
    everywhere.terminal,
  );
  expect(JSON.parse(await everywhere.output())).toHaveLength(4);
  const one = sitting();
  const flags = { ...local, limit: 9, session: "play" };
  await searchSessions(settings, ["message"], flags, one.terminal);
  expect(await one.output()).toMatch(
    new RegExp(`^play  ${OTHER} · #1 user · .+ ago\\n  message 1\\n$`),
  );
});

it("search names the session of a fact as that of a message", async () => {
  const { settings } = await setUp();
  const fact = sitting();
  await searchSessions(settings, ["k"], { ...local, limit: 9, session: "play" }, fact.terminal);
  expect(await fact.output()).toMatch(new RegExp(`^play  ${OTHER} · fact k\n`));
});

describe("a search as one types it", () => {
  const search = async (...args: string[]) => {
    const folder = temporaryFolder();
    const app = await appOn(folder);
    const lines = [
      messageLine(1, { content: "The red kite built a nest." }),
      messageLine(2, { role: "assistant", content: "A kite, red as a storm, left its nest." }),
      messageLine(3, {
        content: "The violin is in the vault.",
        created_at: "2026-04-01T00:00:00Z",
      }),
    ];
    await imported(app, jsonl(sessionLine(), ...lines, endLine(0, 3)));
    await app.stop();
    const { code, stdout, stderr } = await command([
      ...["sessions", "search", ...args, "--json", "--data-dir", folder],
    ]);
    const hits = stdout.startsWith("[") ? (JSON.parse(stdout) as { seq: number }[]) : undefined;
    return { code, stderr, seqs: hits?.map(({ seq }) => seq).toSorted() };
  };

  it.each([
    ["nest -storm", ["nest", "-storm"], [1]],
    ["vault -violin", ["vault", "-violin"], []],
    ["nest -helm", ["nest", "-helm"], [1, 2]],
    ["-storm before the word", ["-storm", "nest"], [1]],
    ["nest -2026", ["nest", "-2026"], [1, 2]],
    ["a phrase in the shell's quotes", ["red kite", "nest"], [1]],
    ["an excluded phrase", ["kite", "-red kite"], [2]],
    ["a whole query in quotes", ["kite red nest"], [1, 2]],
    ["a whole query with syntax", ['"red kite" role:user'], [1]],
    ["--role", ["kite", "--role", "assistant"], [2]],
    ["--after", ["--after", "2026-03-31"], [3]],
    ["--before", ["nest", "--before", "2026-04"], [1, 2]],
    ["--title", ["nest", "--title", "no such"], []],
  ])("finds with %s", async (_, args, expected) => {
    expect(await search(...args)).toEqual({ code: 0, stderr: "", seqs: expected });
  });

  it.each([
    [["nest", "--storm"], /unknown option '--storm'/],
    [["-storm"], /expected a word to look for, beside/],
    [[], /expected at least one word\. holdfast sessions show NAME shows/],
    [["!!!"], /expected at least one word\. Punctuation is not searched for\. The newest/],
    [["nest", "--role", "boss"], /role: expected user, assistant, system, or tool/],
    [["nest", "--after", "soon"], /after: "soon" is no date/],
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await search(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });
});

it.each([
  ["ses", ["sessions"]],
  ["sessions cl", ["clear"]],
  ["sessions clear x --what ", ["history", "state", "all"]],
  ["sessions list --qu", ["--query"]],
  ["sessions show ", ["play", "work"]],
  ["stdio --session w", ["work"]],
  ["completion z", ["zsh"]],
])("a shell is told what completes %j", async (line, expected) => {
  const { settings } = await setUp();
  vi.stubEnv("HOLDFAST_DATA_DIR", settings["data-dir"]);
  onTestFinished(() => void vi.unstubAllEnvs());
  const { terminal, output } = sitting();
  const words = line.split(" ");
  await createProgram(terminal).parseAsync(["complete", "--", ...words], { from: "user" });
  expect((await output()).trimEnd().split("\n").toSorted()).toEqual(expected.toSorted());
});

it("the script for bash completes in bash", () => {
  const { stdout, stderr } = spawnSync(
    "bash",
    [
      "-c",
      `
    holdfast() { ${PROGRAM.map((word) => `"${word}"`).join(" ")} "$@"; }
    ${completionScript("bash")}
    COMP_WORDS=(holdfast sessions un); COMP_CWORD=2
    _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
    { encoding: "utf8" },
  );
  expect({ stdout, stderr }).toEqual({ stdout: "unpin\nunshare\n", stderr: "" });
});

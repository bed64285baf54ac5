// Files that are broken, or meant to break something: every fault is told by its line, and nothing is imported.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Settings } from "../../src/config/config.ts";
import { FORMATS } from "../../src/transfer/formats/format.ts";
import { temporaryFolder } from "../support/folder.ts";
import { rows } from "../support/rows.ts";
import { runs } from "../support/runs.ts";
import {
  appOn,
  endLine,
  exported,
  ID,
  imported,
  type ImportSetup,
  jsonl,
  messageLine,
  outcomes,
  sessionFile,
  sessionLine,
  stateLine,
  TIME,
  timeless,
} from "../support/transfer.ts";

/** The lines of the refusal; nothing may have been stored. */
async function refusal(
  content: string | Buffer,
  settings: Settings = {},
  setup: ImportSetup = {},
): Promise<string[]> {
  const folder = temporaryFolder();
  const app = await appOn(folder, settings);
  const error: unknown = await imported(app, content, setup).then(
    (results) => expect.unreachable(`imported: ${JSON.stringify(results)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ name: "AppError" });
  for (const table of ["sessions", "messages", "session_state", "audit"])
    expect(rows(folder, `SELECT * FROM ${table}`)).toEqual([]);
  return (error as Error).message.split("\n");
}

const one = (...content: object[]): string => {
  const count = (type: string) => content.filter((line) => "type" in line && line.type === type);
  return jsonl(sessionLine(), ...content, endLine(count("state").length, count("message").length));
};

describe("a wrong line", () => {
  const raw = (line: string) => sessionFile(1) + `${line}\n`;
  it.each<[string, string, RegExp]>([
    ["no JSON", raw("{"), /^line 5: is not JSON/],
    ["no object", raw("[]"), /^line 5: /],
    ["null", raw("null"), /^line 5: /],
    ["a number", raw("7"), /^line 5: /],
    ["an unknown type", raw('{"type":"secret"}'), /^line 5: type: /],
    ["`__proto__` as a type", raw('{"__proto__":{"type":"end"}}'), /^line 5: type: /],
    ["a message without a session", raw(JSON.stringify(messageLine(1))), /^line 5: .* before/],
    [
      "a newer format",
      jsonl(sessionLine({ version: 3 }), endLine(0, 0)),
      /^line 1: .*newer Holdfast/,
    ],
    ["another format", jsonl(sessionLine({ format: "x" }), endLine(0, 0)), /^line 1: format/],
    ["a wrong id", jsonl(sessionLine({ id: "../../etc" }), endLine(0, 0)), /^line 1: id/],
    [
      "an id in capitals",
      jsonl(sessionLine({ id: ID.replace("4", "A") }), endLine(0, 0)),
      /^line 1/,
    ],
    ["an empty name", jsonl(sessionLine({ name: " " }), endLine(0, 0)), /^line 1: name/],
    [
      "a long title",
      jsonl(sessionLine({ title: "x".repeat(501) }), endLine(0, 0)),
      /^line 1: title/,
    ],
    [
      "a wrong time",
      jsonl(sessionLine({ created_at: "now" }), endLine(0, 0)),
      /^line 1: created_at/,
    ],
    ["a number for a time", one(messageLine(1, { created_at: 5 })), /^line 2: created_at/],
    ["an impossible day", one(messageLine(1, { created_at: "2026-13-45T00:00:00Z" })), /^line 2/],
    ["an unknown role", one(messageLine(1, { role: "root" })), /^line 2: role/],
    ["no content", one(messageLine(1, { content: null })), /^line 2: content/],
    ["negative tokens", one(messageLine(1, { input_tokens: -1 })), /^line 2: input_tokens/],
    ["tokens beyond counting", one(messageLine(1, { input_tokens: 1e300 })), /^line 2/],
    ["a number twice", one(messageLine(1), messageLine(1)), /^line 3: seq: expected .* from 2 /],
    ["numbers that fall", one(messageLine(3), messageLine(2)), /^line 3: seq: expected .* from 4 /],
    ["no number of a message", one(messageLine(0)), /^line 2: seq: expected .* from 1 /],
    ["a number without room above", one(messageLine(2e9)), /^line 2: seq: expected .* 2000000000/],
    ["a key twice", one(stateLine("k"), stateLine("k")), /^line 3: key: "k"/],
    [
      "a request key twice",
      one(messageLine(1, { request_key: "r" }), messageLine(2, { request_key: "r" })),
      /^line 3: request_key/,
    ],
    ["no value", one(stateLine("k", { value: undefined })), /^line 2: value/],
    ["state behind messages", one(messageLine(1), stateLine("k")), /^line 3: State comes/],
    ["a lost line", jsonl(sessionLine(), messageLine(1), endLine(0, 2)), /^line 3: .*lost lines/],
    ["an id twice", sessionFile(1) + sessionFile(1), /^line 5: .*more than once/],
    ["no end", jsonl(sessionLine(), messageLine(1)), /^line 2: .*cut off/],
    [
      "a session in a session",
      jsonl(sessionLine()) + sessionFile(1, { id: ID.replace("1", "2") }),
      /^line 2: .*line 1 has no end/,
    ],
    ["nothing", "", /empty/],
    ["empty lines only", "\n\r\n  \n", /empty/],
    ["a byte order mark only", "\uFEFF", /empty/],
  ])("with %s is told by its number", async (_, content, fault) => {
    const [head, ...lines] = await refusal(content, {}, { format: "holdfast" });
    expect(head).toBe("Nothing was imported, because of 1 fault:");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(fault);
  });

  it("is one of many that are all counted, the first twenty told, in bounded words", async () => {
    const lines = Array.from({ length: 50 }, () => `{"type":"${"x".repeat(5_000)}"}\n`);
    const told = await refusal(sessionFile(1) + lines.join(""));
    expect(told[0]).toContain("50 faults");
    expect(told.slice(1, 21).map((line) => line.split(":")[0])).toEqual(
      Array.from({ length: 20 }, (_, n) => `line ${n + 5}`),
    );
    expect(told.slice(21)).toEqual(["… and 30 more"]);
    expect(told.join("").length).toBeLessThan(5_000);
  });

  it("keeps whole sessions beside it out, too", async () => {
    await refusal(sessionFile(1) + sessionFile(1, { id: ID.replace("1", "2"), name: "" }));
  });

  it("hides no fault behind it", async () => {
    const other = sessionFile(1, { id: "no id" });
    const told = await refusal(`${other}nonsense\n${one(messageLine(1, { role: "root" }))}`);
    expect(told.slice(1).map((line) => line.split(":")[0])).toEqual(["line 1", "line 5", "line 7"]);
  });
});

describe("limits", () => {
  it.each<[Settings, string, RegExp]>([
    [
      { "max-message": "10b" },
      one(messageLine(1, { content: "ü".repeat(6) })),
      /12 bytes.*max-message/,
    ],
    [{ "max-messages": "2" }, sessionFile(3), /2 messages \(max-messages/],
    [{ "max-keys": "1" }, one(stateLine("a"), stateLine("b")), /1 state keys \(max-keys/],
    [{ "max-value": "5b" }, one(stateLine("a", { value: "12345" })), /value is 7 bytes/],
    [
      { "max-sessions": "1" },
      sessionFile(1) + sessionFile(1, { id: ID.replace("1", "2") }),
      /2 more; at most 1/,
    ],
  ])("of %j hold", async (settings, content, message) => {
    expect((await refusal(content, settings)).join("\n")).toMatch(message);
  });

  it("of a message are met exactly, however it is escaped", async () => {
    const content = "\u0001".repeat(100_000);
    const app = await appOn(undefined, { "max-message": "100000b", "max-value": "10b" });
    const [result] = await imported(app, one(messageLine(1, { content })));
    expect(result).toMatchObject({ outcome: "imported" });
  });

  it("pass over a line of ten megabytes, and tell it", async () => {
    const told = await refusal(sessionFile(1) + `${"x".repeat(10_000_000)}\n${sessionFile(1)}`);
    expect(told.slice(1)).toEqual([
      expect.stringMatching(/^line 5: is 10000000 bytes long/),
      expect.stringMatching(/^line 6: id/),
    ]);
  });
});

describe("bytes", () => {
  it("that are no UTF-8 are told by their line", async () => {
    const broken = Buffer.concat([
      Buffer.from(sessionFile(1)),
      Buffer.from([0x22, 0xff, 0x22, 0x0a]),
    ]);
    expect(await refusal(broken)).toContain("line 5: is not UTF-8 text.");
  });

  it("of Windows are understood: a byte order mark, line breaks of two signs, no last line break", async () => {
    const app = await appOn();
    const file = `\uFEFF${sessionFile(2).replaceAll("\n", "\r\n")}`.trimEnd();
    expect(outcomes(await imported(app, file))).toEqual(["imported"]);
    expect(timeless(await exported(app))).toBe(timeless(sessionFile(2)));
  });

  it("in a long line across many reads stay together", async () => {
    const app = await appOn();
    const content = "日本語😀".repeat(60_000);
    await imported(app, one(messageLine(1, { content })));
    expect(await exported(app)).toContain(content);
  });

  it("of an archive that is damaged are told as such", async () => {
    expect(await refusal(Buffer.from("PK\u0003\u0004rest"))).toEqual([
      "The archive is damaged or cut off.",
    ]);
  });

  it("of a file that is cut anywhere import nothing, or all of it", async () => {
    const file = Buffer.from(sessionFile(2));
    const app = await appOn();
    for (let end = 1; end < file.length - 1; end += 7)
      await expect(imported(app, file.subarray(0, end)), `${end}`).rejects.toMatchObject({
        name: "AppError",
      });
    expect(await exported(app)).toBe("");
  });

  it("of any kind are refused in words, never by a crash", async () => {
    const app = await appOn();
    const lines = sessionFile(2).split("\n");
    const mixed = fc
      .array(fc.oneof(fc.constantFrom(...lines), fc.json(), fc.string({ unit: "binary" })), {
        maxLength: 6,
      })
      .map((all) => Buffer.from(all.join("\n")));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          mixed,
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
        fc.constantFrom(...FORMATS),
        async (content, format) => {
          await imported(app, content, { format, dryRun: true }).catch((error: unknown) =>
            expect(error).toMatchObject({ name: "AppError", code: "invalid" }),
          );
        },
      ),
      { numRuns: runs(300) },
    );
  });
});

describe("what would reach beyond its place", () => {
  it("`__proto__` in values is a key like any other", async () => {
    const app = await appOn();
    const value = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{}}}',
    ) as object;
    const file = one(stateLine("__proto__", { value }), messageLine(1));
    await imported(app, file);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(timeless(await exported(app))).toBe(timeless(file));
  });

  it("deep nesting is refused, or stored as it is", async () => {
    const deep = (depth: number) =>
      jsonl(sessionLine()) +
      `{"type":"state","key":"k","value":${"[".repeat(depth)}${"]".repeat(depth)},"version":1,"updated_at":"${TIME}","expires_at":null}\n` +
      jsonl(endLine(1, 0));
    for (const depth of [1_000, 400_000]) {
      const app = await appOn();
      // How deep is too deep depends on the version of Node.
      const refused = await imported(app, deep(depth)).then(
        () => undefined,
        (error: Error) => error.message,
      );
      if (depth > 1_000 && refused !== undefined) expect(refused).toMatch(/nested|not JSON/);
      else expect(timeless(await exported(app)) === timeless(deep(depth))).toBe(true);
    }
  });

  it("somebody else's session is not touched, and not told apart from any conflict", async () => {
    const app = await appOn();
    await imported(app, sessionFile(2), { principal: "ana" });
    const before = await exported(app);
    const [others] = await imported(app, sessionFile(2), { principal: "bob" });
    const [own] = await imported(app, one(messageLine(1, { content: "x" })), { principal: "ana" });
    expect({ ...others, owner: "" }).toEqual({ ...own, owner: "" });
    expect(others).toMatchObject({ outcome: "conflict", messages: 0 });
    expect(await exported(app)).toBe(before);
  });

  it("a state key that has expired is not brought back", async () => {
    const app = await appOn();
    const old = stateLine("old", { expires_at: TIME });
    const file = one(old, stateLine("young"), messageLine(1));
    expect(outcomes(await imported(app, file))).toEqual(["imported"]);
    expect(await exported(app)).not.toContain('"old"');
    expect(outcomes(await imported(app, file))).toEqual(["unchanged"]);
  });
});

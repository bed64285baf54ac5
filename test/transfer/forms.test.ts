// Files as people have them: archives, folders, packed files, UTF-16, several at once, with white space before, cut off.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { importFiles } from "../../src/cli/sessions/import.ts";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { chatGpt, claude, claudeMessage, file, node } from "../support/foreign.ts";
import { shown } from "../support/shown.ts";
import { tar } from "../support/tar.ts";
import { sitting } from "../support/terminal.ts";
import {
  appOn,
  imported,
  outcomes,
  questions,
  sessionFile,
  takenFrom,
} from "../support/transfer.ts";
import { zip } from "../support/zip.ts";

const one = (id: string, text = id): object => claude([claudeMessage("human", text)], { uuid: id });

const utf16 = (text: string): Buffer => Buffer.from(text, "utf16le");

it.each<[string, Buffer | string]>([
  ["packed by gzip", gzipSync(file(one("a")))],
  ["packed twice", gzipSync(gzipSync(file(one("a"))))],
  ["in UTF-16", utf16(`\uFEFF${file(one("a"))}`)],
  ["in UTF-16 without a mark", utf16(file(one("a")))],
  ["in UTF-16 of the other order", utf16(`\uFEFF${file(one("a"))}`).swap16()],
  ["in UTF-16 that is packed", gzipSync(utf16(file(one("a"))))],
  ["behind much white space", `${" \r\n\t".repeat(200_000)}${file(one("a"))}`],
  ["behind a byte order mark", `\uFEFF${file(one("a"))}`],
  ["with a conversation alone", JSON.stringify(one("a"), null, 2)],
  ["with a conversation in a line", JSON.stringify(one("a"))],
  ["of lines", `${JSON.stringify(one("a"))}\n${JSON.stringify(one("a"))}\n`],
  ["with its list under a key", JSON.stringify({ version: 1, conversations: [one("a")] })],
  ["of a list of lists", JSON.stringify([[one("a")], [one("a")]])],
  ["as a tar archive", await tar({ "a/conversations.json": file(one("a")), "b.html": "<html>" })],
  ["as a packed tar archive", gzipSync(await tar({ "conversations.json": file(one("a")) }))],
  [
    "in a tar archive in an archive",
    zip({ "b.tgz": gzipSync(await tar({ "a.json": file(one("a")) })) }),
  ],
  ["in an archive in a tar archive", await tar({ "b.zip": zip({ "a.json": file(one("a")) }) })],
  ["as an archive", zip({ "conversations.json": file(one("a")), "chat.html": "<html>" })],
])("a file %s comes in", async (_, content) => {
  const app = await appOn();
  await imported(app, content);
  expect(await questions(app)).toEqual(["a"]);
});

it.each<[string, Buffer | string]>([
  ["packed by gzip", gzipSync(sessionFile(2))],
  ["as an archive", zip({ "export/sessions.jsonl": sessionFile(2) })],
  ["as a tar archive", await tar({ "export/sessions.jsonl": sessionFile(2) })],
  ["in UTF-16", utf16(`\uFEFF${sessionFile(2)}`)],
])("an export of Holdfast %s comes in", async (_, content) => {
  expect(outcomes(await imported(await appOn(), content))).toEqual(["imported"]);
});

const REST = { "users.json": '[{"uuid":"u","full_name":"Ana","email_address":"a@example.org"}]' };

it("a folder and all archives in it come in, and what is none of it is named", async () => {
  const folder = folderOf({
    "conversations-1.json": file(one("a"), one("b")),
    "deeper/conversations-2.json": file(one("b"), one("c"), null),
    "older.zip": zip({
      ...REST,
      "conversations-1.json": file(one("d")),
      "conversations-2.json": "{}",
      "made_up_next_year.json": '{"a": 1}',
    }),
    ...REST,
    "picture.png": "no JSON",
    "tides.json": '{"high": 7}',
    "broken.json": '[{"uuid": "x", "chat_messages": [',
  });
  const { texts, skipped } = await takenFrom([folder]);
  expect(texts).toEqual(["a", "b", "c", "d"]);
  expect(skipped).toEqual([
    expect.stringMatching(/^broken.json: The file is of no format .*: it is cut off/),
    "deeper/conversations-2.json: conversation 1: its id is that of conversations-1.json: conversation 2, which is kept",
    "deeper/conversations-2.json: conversation 3: is no object",
    "older.zip/conversations-2.json: The file is of no format that is known here.",
    "tides.json: The file is of no format that is known here.",
  ]);
});

it("several files of several programs come in together", async () => {
  const folder = folderOf({
    "a.json": file(one("a")),
    "b.json": file(chatGpt([node("1", null, "b")], "1")),
    "c.jsonl": sessionFile(1),
  });
  const { texts } = await takenFrom(
    ["a.json", "b.json", "c.jsonl"].map((name) => join(folder, name)),
  );
  expect(texts).toEqual(["a", "b", "message 1"]);
});

it("of a file that is cut off, or broken in a place, the rest comes in", async () => {
  const whole = file(one("a"), one("b", "odd"), one("c"));
  const cut = await takenFrom([join(folderOf({ "a.json": whole.slice(0, -40) }), "a.json")]);
  expect(cut.texts).toEqual(["a", "odd"]);
  expect(cut.skipped).toEqual(["conversation 3: is cut off: the file ends in it"]);
  const odd = whole.replace('"odd"', "odd");
  const broken = await takenFrom([join(folderOf({ "a.json": odd }), "a.json")]);
  expect(broken.texts).toEqual(["a", "c"]);
  expect(broken.skipped).toEqual([expect.stringMatching(/^conversation 2: is not JSON/)]);
});

it("of a packed file that is cut off, the conversations before the cut come in", async () => {
  const noise = (): string => randomBytes(2_000).toString("base64");
  const whole = gzipSync(file(...Array.from({ length: 600 }, (_, n) => one(`${n}`, noise()))));
  const path = join(folderOf({ "a.json.gz": whole.subarray(0, 900_000) }), "a.json.gz");
  const { texts, skipped } = await takenFrom([path]);
  expect(texts.length).toBeGreaterThan(0);
  expect(skipped).toEqual(["a.json.gz: The file is packed by gzip, and damaged or cut off."]);
  await expect(takenFrom([path], { strict: true })).rejects.toThrow(/damaged or cut off/);
});

it("bytes that are no UTF-8 are replaced and counted", async () => {
  const app = await appOn();
  const bytes = Buffer.from(file(one("a", "S\u00e3o")), "latin1");
  const path = join(folderOf({ "a.json": bytes }), "a.json");
  await using source = await app.transfer.open([path], { format: "auto", owner: "local" });
  expect(source.replaced).toBe(2); // the text is in the file twice
  expect(source.sessions).toHaveLength(1);
});

it.each<[string, Buffer | string, RegExp]>([
  ["SQLite", "SQLite format 3\0", /it is an SQLite database/],
  ["a web page", "\n<!DOCTYPE html><html>", /it is a web page/],
  ["a PDF", "%PDF-1.7", /it is a PDF/],
  ["bytes", Buffer.from(Array.from({ length: 256 }, (_, n) => n)), /it is no text/],
  ["a text", "High tide at noon.", /it is a text that is not JSON/],
  ["nothing", "", /it is an empty file/],
  ["an empty list", "[]", /it is an empty list/],
  ["training data", '{"messages":[{"role":"user","content":"hi"}]}\n', /it is training data/],
  ["llama.cpp", '{"type":"session","harness":"llama.app","id":"1"}\n', /it is a chat of the llama/],
  ["an archive of nothing", zip({ "a.txt": "x" }), /The archive holds no .json/],
  ["a tar archive of nothing", await tar({ "a.txt": "x" }), /The archive holds no .json/],
  [
    "half a tar archive",
    (await tar({ "conversations.json": file(one("a")) })).subarray(0, 600),
    /The archive is damaged or cut off/,
  ],
  [
    "a tar archive with a broken header",
    (await tar({ "conversations.json": file(one("a")) })).fill("x", 0, 5),
    /The archive is damaged or cut off/,
  ],
  ["an archive of an account", zip(REST), /it is an account, without/],
  [
    "an archive of an account's files",
    zip({ ...REST, "user.json": "{}" }),
    /no conversation in it/,
  ],
  ["half an archive", zip({ "conversations.json": file(one("a")) }).subarray(0, 60), /damaged/],
  ["half a gzip file", gzipSync(file(one("a"))).subarray(0, 40), /packed by gzip, and damaged/],
])("%s is named for what it is", async (_, content, message) => {
  const path = join(folderOf({ file: content }), "file");
  const error: unknown = await takenFrom([path]).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "AppError", code: "invalid" });
  expect((error as Error).message).toMatch(message);
});

it("of a tar archive, links and files of macOS are left alone, and of a cut one the first files come in", async () => {
  const whole = await tar(
    {
      "a.json": file(one("a")),
      "._b.json": "x",
      "../c.json": file(one("c")),
      "d.json": file(one("d")),
    },
    [{ name: "e.json", type: "symlink", size: 0, linkname: "/etc/hostname" }],
  );
  const path = join(folderOf({ "all.tar": whole }), "all.tar");
  expect(await takenFrom([path])).toEqual({ texts: ["a", "c", "d"], skipped: [] });
  const cut = whole.subarray(0, whole.indexOf("d.json") + 550);
  const { texts, skipped } = await takenFrom([join(folderOf({ "all.tar": cut }), "all.tar")]);
  expect(texts).toContain("a");
  expect(texts).not.toContain("d");
  expect(skipped).toEqual(["all.tar: The archive is damaged or cut off."]);
});

it("a list of projects in a tar archive comes before the conversations in it", async () => {
  const projects = [{ uuid: "p", name: "Bay", prompt_template: "Be brief.", docs: [] }];
  const archive = await tar({
    "conversations.json": file(
      claude([claudeMessage("human", "a")], { uuid: "a", project: { uuid: "p" } }),
    ),
    "projects.json": JSON.stringify(projects),
  });
  const app = await appOn();
  await imported(app, archive);
  expect((await shown(app)).join("\n")).toContain("Be brief.");
});

it.each([
  ["a packed tar archive", gzipSync(await tar({ "a.txt": Buffer.alloc(3_000_000) }))],
  ["an archive in an archive", zip({ "b.tar": await tar({ "a.json": Buffer.alloc(3_000_000) }) })],
])("%s that holds too much is refused", async (_, content) => {
  const app = await appOn();
  const path = join(folderOf({ a: content }), "a");
  const options = { format: "auto", owner: "local", maxUnpackedBytes: 1_000_000 } as const;
  await expect(app.transfer.open([path], options)).rejects.toMatchObject({ code: "limit" });
});

it("an import from a tar archive can be ended while it is unpacked", async () => {
  const app = await appOn();
  const path = join(folderOf({ a: await tar({ "a.json": file(one("a")) }) }), "a");
  const onBytes = (): void => {
    throw new RangeError("enough");
  };
  const options = { format: "auto", owner: "local", onBytes } as const;
  await expect(app.transfer.open([path], options)).rejects.toThrow(RangeError);
});

it("a small archive that holds too much is refused before it fills the disk", async () => {
  const app = await appOn();
  const path = join(folderOf({ a: zip({ "a.json": `[${" ".repeat(3_000_000)}]` }) }), "a");
  const options = { format: "auto", owner: "local", maxUnpackedBytes: 1_000_000 } as const;
  await expect(app.transfer.open([path], options)).rejects.toMatchObject({ code: "limit" });
});

it("the command takes several files, and folders", async () => {
  const folder = folderOf({ "a.zip": zip({ "conversations.json": file(one("a")) }), ...REST });
  const other = join(folderOf({ "b.json": file(one("b")) }), "b.json");
  const { terminal, output, errors } = sitting();
  const flags = { principal: "local", format: "auto" } as const;
  await importFiles({ "data-dir": temporaryFolder() }, [folder, other], flags, terminal);
  expect(await output()).toBe("Imported 2 sessions (2 messages).\n");
  expect(await errors()).toBe("");
});

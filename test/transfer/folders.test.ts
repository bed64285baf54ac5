// Folders and archives as people keep them: one file that is of no use never keeps the others out.
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { importFiles } from "../../src/cli/sessions/import.ts";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { claude, claudeMessage, file } from "../support/foreign.ts";
import { sitting } from "../support/terminal.ts";
import { takenFrom } from "../support/transfer.ts";
import { zip } from "../support/zip.ts";

const one = (id: string): object => claude([claudeMessage("human", id)], { uuid: id });
const good = zip({ "conversations.json": file(one("a")) });
const half = good.subarray(0, 60);

it("an archive that is damaged or of something else keeps no other file out", async () => {
  const folder = folderOf({
    ...{ "chats.zip": good, "half.zip": half, "photos.zip": zip({ "a.jpg": "x" }) },
    "empty.zip": zip({}),
  });
  expect(await takenFrom([folder])).toEqual({
    texts: ["a"],
    skipped: ["half.zip: The archive is damaged or cut off."],
  });
});

it("of several names those that cannot be used are skipped by name", async () => {
  const folder = folderOf({ "chats.zip": good, "half.zip": half, "photos.zip": zip({ a: "x" }) });
  const { texts, skipped } = await takenFrom([
    ...["chats.zip", "half.zip", "photos.zip", "missing.json"].map((name) => join(folder, name)),
    temporaryFolder(),
  ]);
  expect(texts).toEqual(["a"]);
  expect(skipped).toEqual([
    "half.zip: The archive is damaged or cut off.",
    "photos.zip: The archive holds no .json, .jsonl or .html file.",
    "missing.json: It cannot be read: there is no such file or folder (ENOENT).",
    expect.stringMatching(/: the folder holds no \.json/),
  ]);
});

it("the command brings in what is there, and names the file that is missing", async () => {
  const { terminal, output, errors } = sitting();
  const path = join(folderOf({ "chats.zip": good }), "chats.zip");
  const flags = { principal: "local", format: "auto" } as const;
  const settings = { "data-dir": temporaryFolder() };
  await importFiles(settings, [path, `${path}.json`], flags, terminal);
  expect(await output()).toMatch(/^Imported 1 session .*, 1 skipped/);
  expect(await errors()).toMatch(/Skipped chats.zip.json: It cannot be read: there is no such/);
});

it("an archive within an archive comes in, beside other files and alone", async () => {
  const other = file(one("b"));
  const both = zip({ "a/claude.zip": good, "a/cut.zip": half, "conversations.json": other });
  const { texts, skipped } = await takenFrom([join(folderOf({ both }), "both")]);
  expect(texts).toEqual(["a", "b"]);
  expect(skipped).toEqual(["both/a/cut.zip: The archive is damaged or cut off."]);
  const alone = await takenFrom([join(folderOf({ alone: zip({ "x.zip": good }) }), "alone")]);
  expect(alone).toEqual({ texts: ["a"], skipped: [] });
});

it("archives in archives in archives end somewhere", async () => {
  let deep = good;
  for (let around = 0; around < 6; around += 1) deep = zip({ "x.zip": deep, "y.zip": zip({}) });
  const { skipped, texts } = await takenFrom([
    folderOf({ "a.zip": deep, "b.json": file(one("b")) }),
  ]);
  expect(texts).toEqual(["b"]);
  expect(skipped).toContainEqual(expect.stringMatching(/^a\.zip\/.*: It lies within too many/));
});

it("links in a folder are followed, each file comes once, and a broken link is named", async () => {
  const folder = folderOf({ "here/a.json": file(one("a")) });
  const other = folderOf({ "b.json": file(one("b")), "deep/c.json": file(one("c")) });
  symlinkSync(join(other, "b.json"), join(folder, "b.json"));
  symlinkSync(join(other, "deep"), join(folder, "deep"));
  symlinkSync(folder, join(folder, "round"));
  symlinkSync(join(folder, "here", "a.json"), join(folder, "again.json"));
  symlinkSync(join(folder, "nothing"), join(folder, "lost.json"));
  expect(await takenFrom([folder])).toEqual({
    texts: ["a", "b", "c"],
    skipped: [expect.stringMatching(/^lost.json: It cannot be read: there is no such file/)],
  });
});

it("conversations under a name without a known ending come in, and other files stay out", async () => {
  const folder = folderOf({
    ...{ "a.json": file(one("a")), "export.txt": file(one("b")), export: file(one("c")) },
    ...{ README: "Read me.", "notes.txt": "[x] done", LICENSE: "{}" },
  });
  expect(await takenFrom([folder])).toEqual({ texts: ["a", "b", "c"], skipped: [] });
});

it.each([
  ["7z", Buffer.from("7z\u00bc\u00af\u0027\u001c", "latin1"), /7z archive, which must be unpacked/],
  ["utf32.json", utf32(file(one("a"))), /UTF-32: save it as UTF-8/],
])("a file of %s is named for what it is, alone and in a folder", async (ending, bytes, why) => {
  const folder = folderOf({ [`takeout.${ending}`]: bytes, "a.json": file(one("a")) });
  const { texts, skipped } = await takenFrom([folder]);
  expect(texts).toEqual(["a"]);
  expect(skipped).toEqual([expect.stringMatching(why)]);
  await expect(takenFrom([join(folder, `takeout.${ending}`)])).rejects.toThrow(why);
});

function utf32(text: string): Buffer {
  const points = [0xfeff, ...[...text].map((sign) => sign.codePointAt(0)!)];
  return Buffer.from(new Uint32Array(points).buffer);
}

it("UTF-16 without a mark is told behind white space, too", async () => {
  const path = join(temporaryFolder(), "a.json");
  writeFileSync(path, Buffer.from(`\r\n${file(one("a"))}`, "utf16le"));
  expect(await takenFrom([path])).toEqual({ texts: ["a"], skipped: [] });
});

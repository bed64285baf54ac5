// JSON as people join, cut and print it: each object that is whole comes in.
import { join } from "node:path";
import { expect, it } from "vitest";
import { folderOf } from "../support/folder.ts";
import { claude, claudeMessage } from "../support/foreign.ts";
import { takenFrom } from "../support/transfer.ts";

const one = (id: string): string =>
  JSON.stringify(claude([claudeMessage("human", id)], { uuid: id }));
const pretty = (id: string): string => JSON.stringify(JSON.parse(one(id)), null, 2);

const [a, b, c] = [one("a"), one("b"), one("c")];

it.each<[string, string, string[]]>([
  ["objects in a line", `${a}${b}`, ["a", "b"]],
  [
    "printed objects one after the other",
    `${pretty("a")}\n${pretty("b")}${pretty("c")}`,
    ["a", "b", "c"],
  ],
  ["printed objects with commas between", `${pretty("a")},\n${pretty("b")},\n`, ["a", "b"]],
  ["lines that end in commas", `${a},\n${b}, \r\n${c}\n`, ["a", "b", "c"]],
  ["lines of which one holds two objects", `${a}\n${b}${c}\n`, ["a", "b", "c"]],
  ["an object with braces and a backslash in its text", `${one("}{\\")}${b}`, ["b", "}{\\\\"]],
  [
    "a printed list under a key, of simple values before it",
    `{"v": 1.5e3, "t": "x\\"y",\n "conversations": [${a}]}`,
    ["a"],
  ],
])("%s come in", async (_, text, texts) => {
  const path = join(folderOf({ "x.json": text }), "x.json");
  expect(await takenFrom([path])).toEqual({ texts, skipped: [] });
});

it.each<[string, string, string[], RegExp]>([
  [
    "a list under a key that is cut off",
    `{"conversations":[${a},${b},${c.slice(0, 90)}`,
    ["a", "b"],
    /^conversation 3: is cut off/,
  ],
  [
    "the same behind other keys",
    `{"version":1,"who":"x","chats":[${a},${b.slice(0, 90)}`,
    ["a"],
    /^conversation 2: is cut off/,
  ],
  [
    "a list under a key with an odd element",
    `{"data":[${a},{odd},${b}],"more":{"x":[1]}}`,
    ["a", "b"],
    /^conversation 2: is not JSON/,
  ],
  [
    "printed objects of which the last is cut off",
    `${pretty("a")}\n${pretty("b").slice(0, 60)}`,
    ["a"],
    /^conversation 2: is cut off/,
  ],
])("of %s the whole ones come in", async (_, text, texts, reason) => {
  const path = join(folderOf({ "x.json": text }), "x.json");
  const taken = await takenFrom([path]);
  expect(taken).toEqual({ texts, skipped: [expect.stringMatching(reason)] });
  await expect(takenFrom([path], { strict: true })).rejects.toThrow(/because of 1 fault/);
});

it("a list of messages that is cut off is no list of conversations", async () => {
  const path = join(folderOf({ "x.json": a.slice(0, -30) }), "x.json");
  await expect(takenFrom([path])).rejects.toThrow(/it is not JSON/);
});

// Claude's export: what Claude writes by tools comes in, and a text that the export splits is whole again.
import { expect, it } from "vitest";
import { claude, claudeMessage, file } from "../support/foreign.ts";
import { read } from "../support/shown.ts";
import { appOn, skippedOf } from "../support/transfer.ts";

const said = (text: string): object => ({ type: "text", text });
const tool = (name: string, input: object): object => ({ type: "tool_use", name, input });
const answer = (...content: object[]): object => claudeMessage("assistant", "", { content });
const messages = async (...all: object[]): Promise<string[]> =>
  (await read(file(claude(all)))).slice(1);

const STAND_IN = "```\nThis block is not supported on your current device yet.\n```";

it("an answer of calls alone is none, and the export's stand-in is no text", async () => {
  const calls = { content: [tool("bash_tool", { command: "ls" })] };
  expect(
    await messages(
      claudeMessage("assistant", STAND_IN, calls),
      claudeMessage("assistant", `Done.\n${STAND_IN}`, { content: [] }),
      claudeMessage("human", STAND_IN),
    ),
  ).toEqual(["assistant: Done.\n", `user: ${STAND_IN}`]);
});

it("a sentence that sources split is one", async () => {
  const split = ["Kelp \n\n", "is an alga", ", they say."].map(said);
  expect(await messages(answer(...split, tool("x", {}), said("Yes.")))).toEqual([
    "assistant: Kelp \n\nis an alga, they say.\n\nYes.",
  ]);
});

it("a draft of a message comes in with its subject", async () => {
  const variants = [
    { label: "Formal", subject: "Regatta", body: "Dear Ana" },
    { label: "Short", body: "Ahoy" },
  ];
  expect(await messages(answer(tool("message_compose_v1", { kind: "email", variants })))).toEqual([
    "assistant: [Formal: Regatta]\n```\nDear Ana\n```\n\n[Short]\n```\nAhoy\n```",
  ]);
});

it("edits show the file or the artifact again, in its language; without it, the new words", async () => {
  const path = "/tmp/log.md";
  const edit = { command: "update", old_str: "calm", new_str: "$& storm" };
  expect(
    await messages(
      answer(tool("create_file", { path, file_text: "calm" })),
      answer(tool("str_replace", { path, old_str: "calm", new_str: "storm" })),
      answer(tool("artifacts", { id: "a", title: "Sea", content: "calm", language: "svg" })),
      answer(tool("artifacts", { id: "a", ...edit })),
      answer(tool("artifacts", { id: "a", command: "rewrite", content: "fair" })),
      answer(tool("artifacts", { id: "gone", ...edit })),
      answer(tool("str_replace", { path: "gone.md", old_str: "a", new_str: "b" })),
    ),
  ).toEqual([
    "assistant: [/tmp/log.md]\n```\ncalm\n```",
    "assistant: [/tmp/log.md]\n```\nstorm\n```",
    "assistant: [Sea]\n```svg\ncalm\n```",
    "assistant: [Sea]\n```svg\n$& storm\n```",
    "assistant: [Sea]\n```svg\nfair\n```",
    "assistant: [gone]\n```\n$& storm\n```",
    "assistant: [gone.md]\n```\nb\n```",
  ]);
});

it("text in place of blocks, and a question of a picture alone, come in", async () => {
  const picture = { type: "image", source: {} };
  expect(
    await messages(
      claudeMessage("human", "", { content: "plain" }),
      claudeMessage("human", "", { content: [picture] }),
      claudeMessage("human", "", { content: [picture], files: [{ file_name: "seal.png" }] }),
    ),
  ).toEqual(["user: plain", "user: [image]", "user: [file: seal.png]"]);
});

it("older artifacts: one within another stays in it, and one without an end is left", async () => {
  const inner = '<antArtifact title="B">b</antArtifact>';
  const text = `<antThinking>hm</antThinking> <antArtifact title="A" language="md">a ${inner}</antArtifact> and <antArtifact title="C">c`;
  expect(await messages(claudeMessage("assistant", text))).toEqual([
    `assistant: [A]\n\`\`\`md\na ${inner}\n\`\`\` and <antArtifact title="C">c`,
  ]);
});

it("a question of an unknown kind alone is counted", async () => {
  const odd = claudeMessage("human", "", { content: [{ type: "guide" }] });
  const content = file(claude([odd, claudeMessage("assistant", "Ahoy")]));
  expect(await read(content)).toEqual(["# Reef", "assistant: Ahoy"]);
  expect(await skippedOf(await appOn(), content)).toEqual([
    "conversation 1: message 1: its content is no text (guide)",
  ]);
});

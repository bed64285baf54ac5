// Conversations of other programs beyond the limits: the part that fits comes in, and the rest is reported.
import { expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { chatGpt, claude, claudeMessage, file, node } from "../support/foreign.ts";
import { appOn, exported, imported, skippedOf } from "../support/transfer.ts";

const limited = () => appOn(temporaryFolder(), { "max-message": 2_000 });

const long = claude([
  claudeMessage("human", "Where is kelp?"),
  claudeMessage("assistant", `begin ${"é".repeat(3_000)} end`),
  claudeMessage("human", "Thanks."),
]);

it("a message over max-message is cut with a mark and reported; the others come in whole", async () => {
  const app = await limited();
  expect(await skippedOf(app, file(long))).toEqual([
    "conversation 1: message 2: only its first 2000 bytes come in, of 6010 (the setting max-message)",
  ]);
  expect(await imported(app, file(long))).toMatchObject([{ outcome: "imported", messages: 3 }]);
  const messages = (await exported(app))
    .split("\n")
    .filter((line) => line.includes('"content"'))
    .map((line) => (JSON.parse(line) as { content: string }).content);
  expect(messages).toEqual([
    "Where is kelp?",
    expect.stringMatching(/^begin é+\n\n… \(cut: /),
    "Thanks.",
  ]);
  expect(Buffer.byteLength(messages[1]!)).toBeLessThanOrEqual(2_000);
  expect(await imported(app, file(long))).toMatchObject([{ outcome: "unchanged" }]);
});

it("a higher limit brings the whole message in, as a branch", async () => {
  const folder = temporaryFolder();
  const app = await appOn(folder, { "max-message": 2_000 });
  await imported(app, file(long));
  await app.stop();
  const roomy = await appOn(folder);
  expect(await imported(roomy, file(long))).toMatchObject([{ label: "Reef (branch 2)" }]);
  expect(await exported(roomy)).toContain("é end");
});

it("strictly, a message over the limit refuses the file", async () => {
  await expect(imported(await limited(), file(long), { strict: true })).rejects.toThrow(
    /message 2: only its first 2000 bytes/,
  );
});

it("a model's name of any length loses no conversation", async () => {
  const metadata = { model_slug: `gpt\u0007${"\u{1F40B}".repeat(400)}` };
  const conversation = chatGpt([node("q", null, "hello", { role: "assistant", metadata })], "q");
  expect(await imported(await appOn(), file(conversation))).toMatchObject([{ messages: 1 }]);
});

// Other chats: questions without words, odd markup, and what programs note without a person.
import { expect, it } from "vitest";
import { file } from "../support/foreign.ts";
import { read } from "../support/shown.ts";
import { appOn, skippedOf } from "../support/transfer.ts";

const entry = (title: string, html?: string, more = {}): object => ({
  ...{ header: "Gemini Apps", title, time: "2025-02-03T10:00:00Z", products: ["Gemini Apps"] },
  ...(html !== undefined && { safeHtmlItem: [{ html }] }),
  ...more,
});

it("Gemini: tables stay tables", async () => {
  const table =
    "<p>So:</p><table><thead><tr><th>Tide</th><th>At</th></tr></thead><tbody><tr><td><p>Ebb</p></td><td></td></tr>" +
    "<tr><td>a|b</td><td>6</td></tr></tbody></table><p>Done</p>";
  expect((await read(file(entry("Prompted When?", table)))).slice(2)).toEqual([
    "assistant: So:\n\n| Tide | At |\n| --- | --- |\n| Ebb |  |\n| a\\|b | 6 |\n\nDone",
  ]);
});

it("Gemini: an answer of more elements than the reader can take comes in as its text", async () => {
  const asked = (html: string): Promise<string[]> => read(file(entry("Prompted When?", html)));
  const nested = "<ul><li>".repeat(2_400);
  expect((await asked(`${nested}Ebb &amp; flow`)).slice(2)).toEqual(["assistant: Ebb & flow"]);
  const many = "<p><b>Ebb</b></p>".repeat(2_501);
  const ebbs = Array.from({ length: 2_501 }, () => "Ebb").join("\n");
  expect((await asked(many)).slice(2)).toEqual([`assistant: ${ebbs}`]);
  expect((await asked(`<p><b>Ebb</b></p>`)).slice(2)).toEqual(["assistant: **Ebb**"]);
});

it("Gemini: questions of other languages, a canvas, and no notes; what cannot be told is counted", async () => {
  const content = file(
    entry("Eingegebener Prompt: Wann ist Flut?", "<p>Mittags</p>", { header: "Gemini-Apps" }),
    entry("「潮はいつ」と入力しました", "<p>正午</p>"),
    entry("Prompted And now?"),
    entry("Created Gemini Canvas titled Log", "<p>calm</p>"),
    entry("Gave feedback: good", "<p>x</p>"),
    entry("Gemini-Apps verwendet", undefined, { header: "Gemini-Apps" }),
    entry("Quelle heure ?"),
  );
  expect(await read(content)).toEqual([
    ...["# Gemini, 2025-02-03", "user: Wann ist Flut?", "assistant: Mittags"],
    ...["user: 潮はいつ", "assistant: 正午", "user: And now?", "assistant: [Log]\n\ncalm"],
  ]);
  expect(await skippedOf(await appOn(), content)).toEqual([
    expect.stringMatching(/^conversation 1: message 7: it has no answer/),
  ]);
});

it("Open WebUI: thoughts with other details in them are gone, a person's own details stay", async () => {
  const thoughts =
    '<details type="reasoning" done="true">\n<summary>x</summary>\n<details>inner</details>\nmore\n</details>\n';
  const own = '<details type="reasoning">mine</details>';
  const call = '<details type="tool_calls" result="&lt;a&gt;">\n</details>';
  const message = (
    id: string,
    parentId: string | null,
    role: string,
    content: unknown,
  ): object => ({
    [id]: { id, parentId, role, content, childrenIds: [] },
  });
  const messages = {
    ...message("a", null, "user", own),
    ...message(
      "b",
      "a",
      "assistant",
      `${thoughts}Ahoy, \`${own}\`\n${call}\n<details>kept</details>`,
    ),
    ...message("c", "b", "user", [{ type: "image_url", image_url: {} }]),
  };
  const chat = { history: { messages, currentId: "c" } };
  expect((await read(file({ id: "1", title: "Port", chat }))).slice(1)).toEqual([
    ...[`user: ${own}`, `assistant: Ahoy, \`${own}\`\n<details>kept</details>`, "user: [image]"],
  ]);
});

it("DeepSeek: a file alone is a question", async () => {
  const message = (id: string, parent: string | null, fragments: object[], files: object[]) => ({
    [id]: { id, parent, children: [], message: { fragments, files, inserted_at: null } },
  });
  const mapping = {
    ...message("1", null, [], [{ file_name: "tides.pdf" }]),
    ...message("2", "1", [{ type: "RESPONSE", content: "A table." }], []),
    ...message("3", "2", [{ type: "FILE", file_name: "kelp.png" }], []),
  };
  const told = await read(file({ id: "d", title: "Port", inserted_at: null, mapping }));
  expect(told.slice(1)).toEqual([
    ...["user: [file: tides.pdf]", "assistant: A table.", "user: [file: kelp.png]"],
  ]);
});

it("LobeChat: a question of pictures or files alone names them", async () => {
  const message = (id: string, more: object): object => ({
    ...{ id, role: "user", content: "", sessionId: "s", createdAt: Number(id), ...more },
  });
  const messages = [
    message("1", { files: ["f"] }),
    message("2", { imageList: [{ url: "u" }] }),
    message("3", {}),
  ];
  const state = {
    ...{ sessions: [], topics: [], messages, files: [{ id: "f", name: "seal.png" }] },
    messagesFiles: [{ messageId: "3", fileId: "f" }],
  };
  expect((await read(JSON.stringify({ exportType: "all", state, version: 7 }))).slice(1)).toEqual([
    ...["user: [file: seal.png]", "user: [image]", "user: [file: seal.png]"],
  ]);
});

it("LibreChat: an answer of a picture alone names it", async () => {
  const content = [{ type: "image_file", image_file: {} }];
  const messages = [{ messageId: "1", isCreatedByUser: false, text: "", content }];
  expect(await read(JSON.stringify({ conversationId: "l", title: "Port", messages }))).toEqual([
    ...["# Port", "assistant: [image]"],
  ]);
});

// Chats of further services, in the shapes of their exports.
import { expect, it } from "vitest";
import { linesIn, read } from "../support/shown.ts";
import { appOn, imported, jsonl, outcomes, skippedOf } from "../support/transfer.ts";

const response = (id: string, parent: string | null, sender: string, more: object): object => ({
  response: {
    ...{ _id: id, conversation_id: "g", parent_response_id: parent, sender, message: "" },
    create_time: { $date: { $numberLong: `${1_750_000_000_000 + Number(id)}` } },
    ...{ model: "grok-auto", thinking_trace: "hm", steps: [{ tagged_text: {} }], ...more },
  },
  share_link: null,
});

const grok = (...responses: unknown[]): object => ({
  conversations: [
    {
      conversation: {
        ...{ id: "g", title: "Tides", create_time: "2025-06-15T15:00:00Z" },
        ...{ modify_time: "2025-06-15T16:00:00Z", leaf_response_id: "not in the file" },
      },
      responses,
    },
  ],
  ...{ projects: [], tasks: [], media_posts: [] },
});

it("Grok: the newest branch with its artifacts and sources, without thoughts", async () => {
  const answer =
    'High at six.<grok:render card_id="c1" type="render_inline_citation"><argument name="id">1</argument></grok:render> ' +
    'Low at noon.<grok:render card_id="none">x</grok:render>\n\n' +
    '<xaiArtifact artifact_id="a" title="tides.csv" contentType="text/csv">\nhigh,6\n</xaiArtifact>';
  const cards = [
    JSON.stringify({ id: "c1", cardType: "citation_card", url: "https://sea.example/t" }),
  ];
  const content = grok(
    response("1", null, "human", { message: "When is <grok:render>?", file_attachments: ["f"] }),
    response("2", "1", "assistant", { message: "An older answer" }),
    response("3", "1", "ASSISTANT", {
      ...{ message: answer, card_attachments_json: cards },
      metadata: { request_metadata: { resolved_model: "grok-4" } },
    }),
    response("4", "3", "human", { message: "Draw it" }),
    response("5", "4", "assistant", { generated_image_urls: ["u"], file_attachments: ["f"] }),
  );
  const app = await appOn();
  await imported(app, JSON.stringify(content));
  const [session, first] = await linesIn(app);
  expect([session!.created_at, first!.created_at]).toEqual([
    ...["2025-06-15T15:00:00.000Z", new Date(1_750_000_000_001).toISOString()],
  ]);
  expect(await read(JSON.stringify(content))).toEqual([
    "# Tides",
    "user: When is <grok:render>?\n\n[file]",
    "assistant (grok-4): High at six. [sea.example](https://sea.example/t) Low at noon.\n\n" +
      "[tides.csv]\n```\nhigh,6\n```",
    "user: Draw it",
    "assistant (grok-auto): [image]",
  ]);
});

it("Grok: a conversation without an id and a broken response are left out, and named", async () => {
  const nameless = { conversation: { title: "Odd" }, responses: [] };
  const { conversations } = grok(response("1", null, "human", { message: "When?" }), null) as {
    conversations: object[];
  };
  const content = JSON.stringify({ conversations: [nameless, ...conversations] });
  expect(await skippedOf(await appOn(), content)).toEqual([
    "conversation 1: conversation.id: expected a text",
    "conversation 2: message 2: is no object",
  ]);
});

const leChat = (id: string, at: string, role: string, content: string, more = {}): object => ({
  ...{ id, version: 0, chatId: "c", content, contentChunks: null, role },
  ...{ createdAt: `2025-03-04T${at}:00.000Z`, reaction: "neutral", context: null },
  ...{ canvas: [], quotes: [], files: [], ...more },
});

it("Le Chat: messages in order, without thoughts and tools, with names of files", async () => {
  const chunks = [
    { type: "text", text: "Let me think", _context: { type: "reasoning" } },
    { type: "tool_call", name: "web_search", publicArguments: '{"query":"tide"}' },
    { type: "text", text: "At " },
    { type: "reference", referenceIds: [1] },
    { type: "text", text: "six." },
  ];
  const files = [
    { type: "image", name: "pier.png" },
    { type: "text", name: "log.txt" },
  ];
  const messages = [
    leChat("2", "10:01", "assistant", "", { contentChunks: chunks }),
    leChat("1", "10:00", "user", "When is high tide?", { files }),
    leChat("3", "10:02", "assistant", "And at noon.", {
      contentChunks: [{ type: "text", text: "And at noon." }],
    }),
  ];
  expect(await read(JSON.stringify(messages))).toEqual([
    expect.stringMatching(/^# When is high tide\?/),
    "user: When is high tide?\n\n[image: pier.png]\n\n[file: log.txt]",
    "assistant: At six.",
    "assistant: And at noon.",
  ]);
});

it("Le Chat: a later export of a chat continues its session", async () => {
  const app = await appOn();
  const first = [leChat("1", "10:00", "user", "When?")];
  const later = [leChat("2", "10:01", "assistant", "At six."), ...first];
  expect(outcomes(await imported(app, JSON.stringify(first)))).toEqual(["imported"]);
  expect(outcomes(await imported(app, jsonl(later)))).toEqual(["continued"]);
});

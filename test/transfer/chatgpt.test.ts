// ChatGPT's export: what its page showed comes in, and what tools and the model say to each other does not.
import { expect, it } from "vitest";
import { chatGpt, file, node } from "../support/foreign.ts";
import { read } from "../support/shown.ts";
import { appOn, skippedOf } from "../support/transfer.ts";

interface Turn {
  role?: string;
  to?: string;
  content?: object;
  metadata?: object;
}

/** A conversation of these messages, one behind the other. */
function talk(...turns: readonly (Turn | string)[]): string {
  const nodes = turns.map((turn, n) => {
    const more: Turn = typeof turn === "string" ? { role: "assistant" } : turn;
    const parent = n === 0 ? null : `${n - 1}`;
    const [id, value] = node(`${n}`, parent, typeof turn === "string" ? turn : "words", more);
    const { message } = value as { message: object };
    return [id, { ...value, message: { ...message, recipient: more.to ?? "all" } }];
  }) as [string, object][];
  return file(chatGpt(nodes, `${turns.length - 1}`));
}

const PICTURE = { content_type: "image_asset_pointer", asset_pointer: "sediment://p" };
const pictured = (...parts: unknown[]) => ({ content_type: "multimodal_text", parts });
const tool = (content: object, metadata = {}): Turn => ({ role: "tool", content, metadata });
const told = (text: string): Turn => tool({ content_type: "text", parts: [text] });

it("tools' words for the model stay out; pictures and the output of code come in", async () => {
  const content = talk(
    { role: "user" },
    told("The picture is shown. Say nothing more."),
    tool(pictured(PICTURE)),
    tool({ content_type: "tether_quote", title: "Kelp", text: "a whole page" }),
    tool({ content_type: "tether_browsing_display", result: "a list of links" }),
    tool({ content_type: "sonic_webpage", text: "a page" }),
    tool(pictured("text of a page", PICTURE)),
    tool({ content_type: "system_error", text: "timed out" }),
    tool(
      { content_type: "execution_output", text: "42" },
      { aggregate_result: { messages: [{ message_type: "image" }, { message_type: "stream" }] } },
    ),
    { role: "assistant", content: pictured(PICTURE, "Here.") },
    { role: "assistant", content: pictured(PICTURE) },
  );
  expect(await read(content)).toEqual([
    ...["# Reef", "user: words", "tool: [image]", "tool: 42\n\n[image]"],
    ...["assistant: Here.\n\n[image]", "assistant: [image]"],
  ]);
});

const call = (to: string, text: unknown): Turn => ({
  ...{ role: "assistant", to },
  content: { content_type: "code", text: typeof text === "string" ? text : JSON.stringify(text) },
});
const update = (...updates: object[]): Turn => call("canmore.update_textdoc", { updates });

it("the canvas is shown behind each edit, and code that a person saw", async () => {
  const content = talk(
    call("canmore.create_textdoc", { name: "Log", type: "code/python", content: "a = (1)\nb = 1" }),
    update({ pattern: "\\(1\\)", replacement: "$& 2" }),
    update({ pattern: "b", replacement: "c", multiple: true }),
    update({ pattern: "a\\s*=.*?\\n", replacement: "changed" }),
    update({ pattern: ".*", replacement: "fair", multiple: false }),
    call("python_user_visible", "plot()"),
  );
  const log = (text: string): string => `assistant: [Log]\n\`\`\`python\n${text}\n\`\`\``;
  expect(await read(content)).toEqual([
    ...["# Reef", log("a = (1)\nb = 1"), log("a = $& 2\nb = 1"), log("a = $& 2\nc = 1")],
    ...[log("changed"), log("fair"), "assistant: ```python\nplot()\n```"],
  ]);
});

it("an edit without its document shows the new words", async () => {
  const content = talk(update({ pattern: "calm", replacement: "storm" }));
  expect(await read(content)).toEqual(["# Reef", "assistant: [document]\n```\nstorm\n```"]);
});

it.each([
  ["Noon:contentReference[oaicite:3]{index=3}.", "Noon."],
  ["Noon【turn0search3†source】【6:1†tides.pdf】 【注】", "Noon 【注】"],
  ["See [oai_citation:1‡tides.org](https://tides.org).", "See [tides.org](https://tides.org)."],
  ["Noon \uE200cite\uE202turn0search9", "Noon"],
  ["Noon.citeturn0search1turn0news4 Then fileciteturn0file0L1-L3 ebb.", "Noon. Then  ebb."],
  [
    ':::writing{variant="email" subject="Tides"}\nDear Ana\n:::\nDone.',
    "**Tides**\n\nDear Ana\nDone.",
  ],
  [":::note\nkept\n:::", ":::note\nkept\n:::"],
])("marks are no text: %j", async (text, expected) => {
  const [, message] = await read(talk(text));
  expect(message!.trimEnd()).toBe(`assistant: ${expected}`);
});

it("a stand-in for custom instructions is no message", async () => {
  const metadata = {
    is_user_system_message: true,
    user_context_message_data: { about_model_message: "Be brief." },
  };
  expect(await read(talk({ role: "system", metadata }, "Ahoy"))).toEqual([
    ...["# Reef", "> Be brief.", "assistant: Ahoy"],
  ]);
});

it("a question of sound alone is counted, an empty one is not", async () => {
  const sound = { content_type: "real_time_user_audio_video_asset_pointer" };
  const content = talk(
    { role: "user", content: pictured(sound) },
    { role: "user", content: { content_type: "app_pairing_content", context_parts: [] } },
    { role: "user", content: { content_type: "text", parts: [""] } },
    "Ahoy",
  );
  expect(await read(content)).toEqual(["# Reef", "assistant: Ahoy"]);
  expect(await skippedOf(await appOn(), content)).toEqual([
    "conversation 1: message 0: its content is no text (multimodal_text)",
    "conversation 1: message 1: its content is no text (app_pairing_content)",
  ]);
});

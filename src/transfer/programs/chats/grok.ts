// Grok's prod-grok-backend.json: a tree of responses, a question being one of them. Thoughts and steps are left out.
import { parsedJson } from "../../../lib/json/parsed.ts";
import { branchOf } from "../branch.ts";
import { elementsIn } from "../elements.ts";
import {
  type Fields,
  fieldsOf,
  isFields,
  labelOf,
  listOf,
  modelOf,
  textOf,
  timeOf,
  wordsOf,
} from "../fields.ts";
import {
  type Conversation,
  type Message,
  onePerRecord,
  type Program,
  type SkipMessage,
  unreadable,
} from "../program.ts";
import { documentText, filesText } from "../texts.ts";

export const grok: Program = {
  name: "grok",
  title: "prod-grok-backend.json of Grok",
  wrote: (record) => isFields(record["conversation"]) && Array.isArray(record["responses"]),
  conversations: onePerRecord(read),
};

/** @throws AppError `invalid` when the conversation is unreadable */
function read(record: Fields, skip: SkipMessage): Conversation {
  const about = fieldsOf(record["conversation"]);
  const id = textOf(about["id"]);
  if (id === null) throw unreadable("conversation.id: expected a text");
  const nodes = new Map<string, Fields>();
  for (const [index, value] of listOf(record["responses"]).entries()) {
    const { response } = fieldsOf(value);
    if (isFields(response)) nodes.set(textOf(response["_id"]) ?? `#${index + 1}`, response);
    else skip(`${index + 1}`, "is no object");
  }
  const twigs = new Map(
    [...nodes].map(([key, { parent_response_id, create_time }]) => [
      key,
      { parent: textOf(parent_response_id), children: [], at: timeIn(create_time) },
    ]),
  );
  // The leaf is often none of the responses; the newest end counts then.
  const keys = branchOf(twigs, textOf(about["leaf_response_id"]), skip);
  return {
    ...{ id, title: textOf(about["title"]), system: null },
    createdAt: timeIn(about["create_time"]),
    lastActiveAt: timeIn(about["modify_time"]),
    messages: keys.flatMap((key) => toMessage(nodes.get(key)!)),
  };
}

/** A time, also in MongoDB's extended JSON: `{ "$date": { "$numberLong": "…" } }`. */
function timeIn(value: unknown): number | null {
  const date = fieldsOf(value)["$date"];
  return timeOf(value, date, fieldsOf(date)["$numberLong"]);
}

function toMessage(response: Fields): Message[] {
  const { sender, message, create_time, file_attachments, generated_image_urls } = response;
  const isUser = textOf(sender)?.toLowerCase() === "human";
  const texts = wordsOf(message)
    .map((text) => (isUser ? text : shownText(text, response["card_attachments_json"])))
    .filter(Boolean);
  // Files have ids in place of names. Those of an answer are pictures.
  const files = listOf(file_attachments).length;
  const pictures = Math.max(listOf(generated_image_urls).length, isUser ? 0 : files);
  const named = isUser && files > 0 ? filesText([null]) : filesText([], pictures);
  const content = [...texts, ...named].join("\n\n");
  if (content === "") return [];
  const { resolved_model } = fieldsOf(fieldsOf(response["metadata"])["request_metadata"]);
  return [
    {
      ...{ role: isUser ? "user" : "assistant", content, createdAt: timeIn(create_time) },
      model: isUser ? null : modelOf(resolved_model, response["model"]),
    },
  ];
}

const OWN = /^(?:grok:render|xaiArtifact)$/;

/** The words of an answer: artifacts as documents, cards of sources as links, no other cards. */
function shownText(text: string, attached: unknown): string {
  const links = linksIn(attached);
  let [shown, from] = ["", 0];
  for (const { name, attributes, content, start, end } of elementsIn(text, OWN)) {
    const words =
      name === "xaiArtifact"
        ? documentText(attribute(attributes, "title") ?? "artifact", content.trim())
        : (links.get(attribute(attributes, "card_id") ?? "") ?? "");
    shown += text.slice(from, start) + words;
    from = end;
  }
  return (shown + text.slice(from)).trim();
}

const attribute = (attributes: string, name: string): string | null =>
  labelOf(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1]);

/** Links of sources by the ids of their cards. */
function linksIn(cards: unknown): Map<string, string> {
  return new Map(
    listOf(cards).flatMap((card) => {
      const { id, url } = fieldsOf(typeof card === "string" ? parsedJson(card) : card);
      return typeof id === "string" && typeof url === "string" && URL.canParse(url)
        ? [[id, ` [${new URL(url).hostname}](${url})`] as const]
        : [];
    }),
  );
}

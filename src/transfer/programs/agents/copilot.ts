// A chat of GitHub Copilot in VS Code, as "Chat: Export Chat…" writes it and as the editor keeps it: requests with their
// responses in parts. The import takes the words, and calls of tools in a short line. Thoughts and undone requests are left
// out.
import {
  type Fields,
  fieldsOf,
  isFields,
  labelOf,
  listOf,
  modelOf,
  textOf,
  timeOf,
} from "../fields.ts";
import {
  type Conversation,
  type Message,
  onePerRecord,
  type Program,
  type SkipMessage,
  unreadable,
} from "../program.ts";
import { fileText } from "../texts.ts";
import { callNote, projectOf } from "./transcript.ts";

export const copilot: Program = {
  name: "copilot",
  title: "chat of GitHub Copilot in VS Code",
  wrote: ({ requests, responderUsername }) =>
    Array.isArray(requests) && typeof responderUsername === "string",
  conversations: onePerRecord(read),
};

/** @throws AppError `invalid` when the conversation is unreadable */
function read(record: Fields, skip: SkipMessage): Conversation | undefined {
  const requests = listOf(record["requests"]);
  if (requests.length === 0) return undefined;
  // An exported chat has no id: the first request's stands for it.
  const id = textOf(fieldsOf(requests[0])["requestId"], record["sessionId"]);
  if (id === null) throw unreadable("requests: the first one has no requestId");
  return {
    ...{ id, title: textOf(record["customTitle"]), system: null },
    createdAt: timeOf(record["creationDate"]),
    lastActiveAt: timeOf(record["lastMessageDate"]),
    messages: requests.flatMap((request, index) => {
      if (isFields(request)) return toMessages(request);
      skip(`${index + 1}`, "is no object");
      return [];
    }),
  };
}

function toMessages(request: Fields): Message[] {
  if (isFields(request["shouldBeRemovedOnSend"]) || request["isHidden"] === true) return [];
  const { message, variableData, response, modelId, timestamp } = request;
  const text = textOf(message, fieldsOf(message)["text"]) ?? "";
  const attached = listOf(fieldsOf(variableData)["variables"]).flatMap(attachedText);
  const question = [text.trim(), ...attached].filter(Boolean).join("\n\n");
  const answer = answerIn(listOf(response).map(fieldsOf));
  const model = modelOf(modelId)?.replace(/^copilot\//, "") ?? null;
  const createdAt = timeOf(timestamp);
  return [
    ...(question === ""
      ? []
      : [{ role: "user" as const, content: question, model: null, createdAt }]),
    ...(answer === ""
      ? []
      : [{ role: "assistant" as const, content: answer, model, createdAt: null }]),
  ];
}

function attachedText(variable: unknown): string[] {
  const { kind, name } = fieldsOf(variable);
  if (kind === "image") return [fileText(null, "image")];
  return kind === "file" ? [fileText(labelOf(name))] : [];
}

/** The text of a response. References stand within sentences, which the parts around them hold. */
function answerIn(parts: readonly Fields[]): string {
  let answer = "";
  for (const part of parts) {
    const note = noteIn(part);
    if (note === undefined) answer += spokenIn(part);
    else answer = `${answer.trimEnd()}\n\n${note}\n\n`;
  }
  return answer.trim();
}

function spokenIn({ kind, value, content, inlineReference, name }: Fields): string {
  if (kind === undefined) return typeof value === "string" ? value : "";
  if (kind === "markdownContent" || kind === "markdownVuln")
    return textOf(content, fieldsOf(content)["value"]) ?? "";
  if (kind !== "inlineReference") return "";
  const reference = fieldsOf(inlineReference);
  const path = textOf(reference["path"], fieldsOf(reference["uri"])["path"]);
  return `\`${textOf(name, reference["name"], projectOf(path)) ?? "file"}\``;
}

/** The line of a tool's call or of an edit; undefined for any other part. */
function noteIn(part: Fields): string | undefined {
  const { kind, toolId, presentation, pastTenseMessage, invocationMessage, uri } = part;
  if (kind === "textEditGroup" || kind === "notebookEditGroup")
    return callNote("edit", { path: fieldsOf(uri)["path"] });
  if (kind !== "toolInvocationSerialized" || presentation === "hidden") return undefined;
  const about = [pastTenseMessage, invocationMessage].map(
    (message) => textOf(message, fieldsOf(message)["value"]) ?? "",
  );
  // A link to a file has no text of its own.
  const line = about
    .find(Boolean)
    ?.replace(/\[\]\(([^)[]*)\)/g, (_, link: string) => projectOf(link) ?? "");
  return callNote(toolId, { description: line });
}

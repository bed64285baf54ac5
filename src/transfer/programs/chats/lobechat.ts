// LobeChat's export: one document with all messages, topics and assistants. The messages of a topic are a conversation,
// and so are those of an assistant outside of topics. Thoughts are left out.
import type { Role } from "../../../chat/message.ts";
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
import { type Context, type Conversation, type Message, nameOf, type Program } from "../program.ts";
import { filesText } from "../texts.ts";

export const lobeChat: Program = {
  name: "lobechat",
  title: "export of LobeChat",
  hasThoughtsInText: true,
  wrote: (record) =>
    ["exportType", "mode"].some((key) => typeof record[key] === "string") &&
    Array.isArray(tablesOf(record)["messages"]),
  async *conversations(records, context) {
    for await (const record of records) {
      if (isFields(record.value)) yield* conversationsIn(record.value, record.number, context);
      else context.skip(nameOf(record), null, record.fault ?? "is no object");
    }
  },
};

/** The lists of a document; newer versions have a database's tables. */
const tablesOf = (record: Fields): Fields =>
  isFields(record["state"]) ? record["state"] : fieldsOf(record["data"]);

function* conversationsIn(
  record: Fields,
  number: number,
  { skip }: Context,
): Generator<Conversation & { number: number }> {
  const tables = tablesOf(record);
  const [sessions, topics] = [byId(tables["sessions"]), byId(tables["topics"])];
  const agents = agentsOf(tables);
  const filesOf = filesIn(tables);
  const groups = new Map<string, Fields[]>();
  for (const [index, value] of listOf(tables["messages"]).entries()) {
    if (!isFields(value)) {
      skip({ number, id: null, title: null }, `${index + 1}`, "is no object");
      continue;
    }
    const key = JSON.stringify([textOf(value["sessionId"]) ?? "inbox", textOf(value["topicId"])]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  for (const [key, messages] of groups) {
    const [sessionId, topicId] = JSON.parse(key) as [string, string | null];
    const session = sessions.get(sessionId) ?? {};
    const topic = topicId === null ? {} : (topics.get(topicId) ?? {});
    const about = { ...fieldsOf(session["config"]), ...agents.get(sessionId) };
    const ordered = messages.toSorted(
      (a, b) => (timeOf(a["createdAt"]) ?? 0) - (timeOf(b["createdAt"]) ?? 0),
    );
    yield {
      ...{ number, id: topicId ?? `session ${sessionId}` },
      title: textOf(
        topic["title"],
        fieldsOf(session["meta"])["title"],
        session["title"],
        about["title"],
      ),
      system: wordsOf(about["systemRole"])[0] ?? null,
      createdAt: timeOf(topic["createdAt"], ordered[0]?.["createdAt"]),
      lastActiveAt: timeOf(topic["updatedAt"], ordered.at(-1)?.["createdAt"]),
      messages: ordered.flatMap((message) =>
        toMessage(message, filesOf(message), modelOf(about["model"])),
      ),
    };
  }
}

const byId = (values: unknown): Map<string, Fields> =>
  new Map(
    listOf(values)
      .map(fieldsOf)
      .map((value) => [textOf(value["id"]) ?? "", value]),
  );

/** The assistant of each session, in newer versions a table of its own. */
function agentsOf(tables: Fields): Map<string, Fields> {
  const agents = byId(tables["agents"]);
  return new Map(
    listOf(tables["agentsToSessions"])
      .map(fieldsOf)
      .flatMap(({ agentId, sessionId }) => {
        const agent = agents.get(textOf(agentId) ?? "");
        return agent === undefined ? [] : [[textOf(sessionId) ?? "", agent] as const];
      }),
  );
}

const ROLES: ReadonlyMap<unknown, Role> = new Map([
  ["user", "user"],
  ["assistant", "assistant"],
  ["system", "system"],
]);

/** Gives the files of a message by their names; newer versions have tables of them. */
function filesIn(tables: Fields): (message: Fields) => string[] {
  const files = byId(tables["files"]);
  const linked = new Map<string, unknown[]>();
  for (const { messageId, fileId } of listOf(tables["messagesFiles"]).map(fieldsOf)) {
    const id = textOf(messageId) ?? "";
    const ids = linked.get(id) ?? [];
    linked.set(id, ids);
    ids.push(fileId);
  }
  return (message) => {
    const ids = [...listOf(message["files"]), ...(linked.get(textOf(message["id"]) ?? "") ?? [])];
    const all = [...ids.map((id) => files.get(textOf(id) ?? "")), ...listOf(message["fileList"])];
    const names = all.map((file) => labelOf(fieldsOf(file)["name"]));
    return filesText(names, listOf(message["imageList"]).length);
  };
}

function toMessage(
  message: Fields,
  files: readonly string[],
  defaultModel: string | null,
): Message[] {
  const role = ROLES.get(message["role"]);
  const content = [...wordsOf(message["content"]), ...files].join("\n\n");
  if (role === undefined || content === "") return [];
  const { model, fromModel } = { ...fieldsOf(message["extra"]), ...message } as Fields;
  return [
    {
      ...{ role, content, createdAt: timeOf(message["createdAt"]) },
      model: role === "assistant" ? modelOf(model, fromModel, defaultModel) : null,
    },
  ];
}

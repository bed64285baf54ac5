// Toolsets: what `tools/list` shows to whom, how few bytes that takes, and that calling does not depend on it.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { BUILT_IN_TASKS, chatTools } from "../../src/tools/builtin/chat-tool.ts";
import { chatgptTools } from "../../src/tools/builtin/chatgpt-tools.ts";
import { forkTool } from "../../src/tools/builtin/fork-tool.ts";
import { historyTools } from "../../src/tools/builtin/history-tools.ts";
import { searchTool } from "../../src/tools/builtin/search-tool.ts";
import { sessionTools } from "../../src/tools/builtin/session-tools.ts";
import { shareTools } from "../../src/tools/builtin/share-tools.ts";
import { stateTools } from "../../src/tools/builtin/state-tools.ts";
import { toolCatalogue, ToolRegistry } from "../../src/tools/registry.ts";
import { ToolLists } from "../../src/tools/tool-lists.ts";
import { connect, VERSIONS } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { askModern } from "../support/modern.ts";
import { ERAS, type Person, serveWithKeys } from "../support/people.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { type Answer, initialize, introduce, type Json, post, read } from "../support/raw.ts";

const MAX_BYTES = 6_144;
const CORE = [
  ...["session_open", "session_list", "state_get", "state_set", "state_list"],
  ...["history_append", "history_get", "history_search"],
];
const CHAT = ["chat", "chat_retry"];

const ask: Record<string, (url: string, method: string) => Promise<Answer>> = {
  legacy: async (url, method) => (await introduce(url)).ask(method),
  modern: (url, method) => askModern(url, method),
};

const toolsIn = (answer: Answer): Json[] => answer.messages[0]!["result"].tools as Json[];
const namesIn = (answer: Answer): string[] => toolsIn(answer).map(({ name }) => name as string);

describe.each(Object.entries(ask))("tools/list (%s)", (_, list) => {
  it("shows the core in at most 8 tools and 6 KB, also with the longest retention text", async () => {
    const { url } = await serveHere({ config: { "max-age": "365d" } });
    const answer = await list(url, "tools/list");
    expect(namesIn(answer)).toEqual(CORE);
    expect(Buffer.byteLength(answer.text)).toBeLessThanOrEqual(MAX_BYTES);
    for (const tool of toolsIn(answer)) expect(tool).not.toHaveProperty("outputSchema");
  });

  it("follows the address before the setting", async () => {
    const { url } = await serveHere({ config: { toolset: "chat,core" } });
    const shown = async (query: string) =>
      new Set(namesIn(await list(`${url}${query}`, "tools/list")));
    expect(await shown("")).toEqual(new Set([...CORE, ...CHAT]));
    expect(await shown("?tools=")).toEqual(new Set([...CORE, ...CHAT]));
    expect(await shown("?name=work&tools=chat")).toEqual(new Set(CHAT));
    expect(await shown("?tools=core,%20chat,")).toEqual(new Set([...CORE, ...CHAT]));
    const all = await shown("?tools=all");
    expect(await shown("?tools=core&tools=chat,manage,chatgpt,tasks")).toEqual(all);
    expect(await shown("?tools=core,all")).toEqual(all);
    expect(all.size).toBeGreaterThanOrEqual(19);
  });

  it("has output schemas where all tools are asked for", async () => {
    const { url } = await serveHere();
    for (const tool of toolsIn(await list(`${url}?tools=all`, "tools/list")))
      expect(tool["outputSchema"]).toMatchObject({ type: "object" });
  });
});

it("an unknown toolset is refused with the list of them", async () => {
  const { url } = await serveHere();
  for (const wrong of ["cor", "core,Chat", "state_get"]) {
    const answers = [
      await askModern(`${url}?tools=${wrong}`, "tools/list"),
      await introduce(url).then((client) => {
        client.url = `${url}?tools=${wrong}`;
        return client.ask("ping");
      }),
    ];
    for (const { status, text } of answers) {
      expect(status).toBe(400);
      expect(text).toMatch(/no toolset .*core, chat, manage, chatgpt, tasks, all/);
    }
  }
});

it("a list of the 2026 era is kept for its caller alone, and not for long", async () => {
  const { url } = await serveHere();
  const { result } = (await askModern(url, "tools/list")).messages[0]!;
  expect(result).toMatchObject({ cacheScope: "private" });
  expect(result.ttlMs).toBeLessThanOrEqual(60_000);
});

it("over stdio the core is as small, and --toolset chooses", async () => {
  const pipe = await rawStdio(["--data-dir", temporaryFolder()]);
  const { result } = await pipe.request("tools/list");
  expect((result as Json)["tools"].map(({ name }: Json) => name as string)).toEqual(CORE);
  expect(Buffer.byteLength(pipe.lines.at(-1)!)).toBeLessThanOrEqual(MAX_BYTES);
  const other = await rawStdio(["--data-dir", temporaryFolder(), "--toolset", "chat"]);
  const chosen = (await other.request("tools/list")).result as Json;
  expect(chosen["tools"].map(({ name }: Json) => name as string)).toEqual(CHAT);
});

describe.each(ERAS)("a caller of the %s era", (era) => {
  it("is shown what its scope allows, in every toolset", async () => {
    const server = await serveWithKeys();
    const [reader, writer] = [
      await server.person("ana", era, "read"),
      await server.person("ana", era, "write"),
    ];
    const names = async (person: Person, query: string) =>
      namesIn(await person.at(query).ask("tools/list"));
    expect(await names(reader, "tools=core")).toEqual(
      CORE.filter((name) => /list|get|search/.test(name)),
    );
    expect(await names(reader, "tools=chat")).toEqual([]);
    expect(await names(writer, "tools=core")).toEqual(CORE);
    const readable = toolsIn(await reader.at("tools=all").ask("tools/list"));
    expect(readable.length).toBeGreaterThan(5);
    // What a task requires depends on its tool.
    const changing = readable.filter(({ annotations }) => annotations.readOnlyHint !== true);
    expect(changing.map(({ name }) => name as string)).toEqual(["task_answer", "task_cancel"]);
  });

  it("calls what is not shown", async () => {
    const { person } = await serveWithKeys();
    const ana = (await person("ana", era)).at("name=work&tools=chatgpt");
    await ana.call("state_set", { key: "k", value: 1 });
    expect((await ana.call("session_info")).data).toMatchObject({ name: "work" });
  });
});

it("somebody's own tool is in every list, unless it names a toolset", async () => {
  const own = (name: string, more: object) =>
    defineTool({
      ...{ name, description: "For a test.", annotations: { readOnlyHint: true }, ...more },
      output: z.object({ n: z.number() }),
      handler: () => ({ n: 1 }),
    });
  const tools = [own("always", {}), own("at_times", { toolset: "manage" })];
  const { url } = await serveHere({ tools });
  expect(namesIn(await askModern(url, "tools/list"))).toEqual([...CORE, "always"]);
  const manage = await askModern(`${url}?tools=manage`, "tools/list");
  expect(namesIn(manage)).toEqual(expect.arrayContaining(["always", "at_times"]));
  expect(toolsIn(manage).find(({ name }) => name === "always")).toHaveProperty("outputSchema");
  expect(() => own("wrong", { toolset: "all" })).toThrow(
    "Tool wrong: toolset: expected one of core, chat, manage, chatgpt, tasks.",
  );
});

it.each(VERSIONS)(
  "the %s client takes structured results that no schema promised",
  async (version) => {
    const { url } = await serveHere();
    const client = await connect(version, { url: `${url}?name=work` });
    expect(await client.toolNames()).toEqual(CORE); // from here on it checks outputs
    const { data } = await client.call("state_set", { key: "k", value: [1] });
    expect(data).toMatchObject({ key: "k", version: 1 });
    expect((await client.call("state_get", { key: "k" })).data).toMatchObject({ value: [1] });
  },
);

it("the instructions are five lines, the same in both eras", async () => {
  const { url } = await serveHere();
  const discovered = (await askModern(url, "server/discover")).messages[0]!["result"];
  const introduced = (await read(await post(url, initialize()))).messages[0]!["result"];
  expect(introduced.instructions).toBe(discovered.instructions);
  expect((introduced.instructions as string).split("\n")).toHaveLength(5);
});

it("states the maximum age that holds when the tools are listed", () => {
  let maxAgeMs = Infinity;
  const lists = new ToolLists(toolCatalogue(() => sessionTools(() => maxAgeMs)));
  const stated = () =>
    lists.list(["core"], "write").find(({ name }) => name === "session_open")?.description;
  expect(stated()).toContain("Sessions are kept until they are deleted.");
  maxAgeMs = 86_400_000;
  expect(stated()).toContain("has not been used for 1 day");
});

it("makes the built-in tools at their first use, and knows before which of them may be tasks", () => {
  let made = false;
  const catalogue = toolCatalogue(() => {
    made = true;
    return [
      ...[...sessionTools(() => Infinity), ...shareTools(), ...stateTools(), ...historyTools()],
      ...[searchTool(), ...chatTools(), forkTool(), ...chatgptTools()],
    ];
  });
  const none = {} as never;
  const options = { builtInTasks: BUILT_IN_TASKS };
  const registry = new ToolRegistry(catalogue.with([]), none, none, none, options);
  const known = registry.taskTools;
  expect(made).toBe(false);
  const tasks = catalogue.items.filter(({ isTask }) => isTask).map(({ name }) => name);
  expect(known).toEqual(tasks);
});

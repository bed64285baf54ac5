// Prompts and resources of somebody's own: from code and from files, for clients of both eras.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { requestInfo } from "../../src/definitions/request.ts";
import { AppError, createHoldfast, definePrompt, defineResource } from "../../src/index.ts";
import { promptCatalogue, PromptRegistry } from "../../src/prompts/registry.ts";
import { resourceCatalogue, ResourceRegistry } from "../../src/resources/registry.ts";
import { folderOf, writeInto } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { acknowledged, listen } from "../support/listening.ts";
import { askModern } from "../support/modern.ts";
import { eventsOf, introduce, type Json } from "../support/raw.ts";

const prompts = [
  definePrompt({
    name: "greet",
    title: "A greeting",
    arguments: z.object({
      who: z.string().min(2).describe("Whom."),
      times: z.string().regex(/^\d$/).transform(Number).optional(),
    }),
    complete: { who: (value) => ["Ana", "Anton", "Bo"].filter((name) => name.startsWith(value)) },
    handler: ({ args: { who, times = 1 }, request }) =>
      [...Array<string>(times).fill(`Hello ${who}.`), request.headers?.["x-tone"] ?? ""].join(""),
  }),
  definePrompt({
    name: "plain",
    handler: () => [{ role: "user", content: "as other interfaces take it" }] as never,
  }),
  definePrompt({ name: "wrong", handler: () => ({ messages: [{ role: "x" }] }) as never }),
  definePrompt({ name: "throws", handler: () => Promise.reject(new Error("private")) }),
  definePrompt({
    name: "refuses",
    handler: () => Promise.reject(new AppError("limit", "Enough.")),
  }),
  definePrompt({ name: "hidden", scope: "admin", handler: () => "secret" }),
];
const resources = [
  defineResource({ uri: "own:text", name: "text", read: () => "words" }),
  defineResource({ uri: "own:bytes", name: "bytes", read: () => new Uint8Array([1, 2]) }),
  defineResource({ uri: "own:wrong", name: "wrong", read: () => ({ at: new Date(0) }) }),
  defineResource({ uri: "own:hidden", name: "hidden", scope: "admin", read: () => "secret" }),
  defineResource({
    uriTemplate: "own://notes/{name}{?part}",
    name: "note",
    complete: { name: (value, { given }) => [`${value}!`, ...Object.keys(given)] },
    list: ({ cursor }) =>
      cursor === undefined
        ? { resources: [{ uri: "own://notes/a" }], nextCursor: "b" }
        : [{ uri: `own://notes/${cursor}`, name: "the last" }],
    read: ({ variables, principal }) =>
      variables["name"] === "none" ? undefined : { ...variables, for: principal.id },
  }),
];

const QUIET = { "log-level": "silent" };

type Ask = (method: string, params?: object) => Promise<Json>;

describe.each<[string, (url: string) => Promise<Ask>]>([
  [
    "legacy",
    async (url) => {
      const client = await introduce(url, { headers: { "x-tone": "!" } });
      return async (...asked) => (await client.ask(...asked)).messages[0]!;
    },
  ],
  [
    "modern",
    async (url) =>
      async (method, params = {}) =>
        (await askModern(url, method, params, { headers: { "x-tone": "!" } })).messages[0]!,
  ],
])("a %s client", (_, enter) => {
  it("lists, completes and gets prompts, and is told what is wrong with the field", async () => {
    const ask = await enter((await serveHere({ prompts, config: QUIET })).url);
    const { prompts: listed } = (await ask("prompts/list"))["result"] as { prompts: Json[] };
    expect(listed.find(({ name }) => name === "greet")).toEqual({
      name: "greet",
      title: "A greeting",
      arguments: [{ name: "who", description: "Whom.", required: true }, { name: "times" }],
    });
    const get = (name: string, args: object = {}) => ask("prompts/get", { name, arguments: args });
    expect(await get("greet", { who: "Ana", times: "2" })).toMatchObject({
      result: { messages: [{ role: "user", content: { text: "Hello Ana.Hello Ana.!" } }] },
    });
    expect(await get("greet", { who: "Ana", times: "" })).toMatchObject({
      result: { messages: [{ content: { text: "Hello Ana.!" } }] },
    });
    const faults: [Promise<Json>, number, RegExp][] = [
      [get("greet", { who: "" }), -32602, /missing who/],
      [get("greet", { who: "Ana", times: "x" }), -32602, /- times: /],
      [get("plain"), -32603, /prompt plain result\.messages\.0\.content: expected a content block/],
      [get("wrong"), -32603, /prompt wrong result\.messages\.0\.role/],
      [get("throws"), -32603, /^((?!private).)*prompt throws: it failed/],
    ];
    for (const [answer, code, message] of faults)
      expect((await answer)["error"]).toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    expect((await get("refuses"))["error"].message).toContain("Enough.");
    const completed = await ask("completion/complete", {
      ref: { type: "ref/prompt", name: "greet" },
      argument: { name: "who", value: "An" },
    });
    expect(completed).toMatchObject({ result: { completion: { values: ["Ana", "Anton"] } } });
  });

  it("lists and reads resources by uri and template", async () => {
    const ask = await enter((await serveHere({ resources, config: QUIET })).url);
    const first = (await ask("resources/list"))["result"] as Json;
    const second = (await ask("resources/list", { cursor: first["nextCursor"] as string }))[
      "result"
    ];
    const uris = [first, second as Json].flatMap((page) => page["resources"] as Json[]);
    expect(uris.map(({ uri }) => uri as string)).toEqual([
      ...["own:text", "own:bytes", "own:wrong", "own:hidden", "own://notes/a", "own://notes/b"],
      ...uris.slice(6).map(({ uri }) => uri as string),
    ]);
    const templates = (await ask("resources/templates/list"))["result"].resourceTemplates as Json[];
    expect(templates[0]).toMatchObject({ uriTemplate: "own://notes/{name}{?part}", name: "note" });
    const read = async (uri: string) => {
      const { result, error } = await ask("resources/read", { uri });
      return (result?.contents[0] ?? error) as Json;
    };
    expect(await read("own:text")).toEqual({
      uri: "own:text",
      mimeType: "text/plain",
      text: "words",
    });
    expect(await read("own:bytes")).toMatchObject({ blob: "AQI=" });
    const note = await read("OWN://notes/a%2Fb?part=2");
    expect(note).toMatchObject({ uri: "OWN://notes/a%2Fb?part=2", mimeType: "application/json" });
    expect(JSON.parse(note["text"] as string)).toEqual({ name: "a/b", part: "2", for: "local" });
    expect((await read("own:wrong"))["message"]).toMatch(/own:wrong result\.at: received a Date/);
    for (const uri of ["own://notes/none", "own://notes/%ff", "own://notes/a?other=1"])
      expect((await read(uri))["message"]).toMatch(/^Resource not found|not found/i);
    const completed = await ask("completion/complete", {
      ref: { type: "ref/resource", uri: "own://notes/{name}{?part}" },
      argument: { name: "name", value: "x" },
      context: { arguments: { part: "1" } },
    });
    expect(completed).toMatchObject({ result: { completion: { values: ["x!", "part"] } } });
  });
});

it("what needs a higher scope is not there for others", async () => {
  const ana = { id: "ana", scope: "read" } as const;
  const { signal } = new AbortController();
  const request = requestInfo(undefined, undefined);
  const own = new PromptRegistry(promptCatalogue(() => []).with(prompts), {} as never, {} as never);
  expect(own.list(ana).map(({ name }) => name)).not.toContain("hidden");
  await expect(
    own.complete("hidden", { name: "a", value: "" }, { principal: ana, given: {} }),
  ).rejects.toThrow(/^Unknown prompt/);
  const all = new ResourceRegistry(resourceCatalogue(() => []).with(resources), (mistake) => {
    throw mistake;
  });
  const { resources: listed } = await all.list(ana, signal);
  expect(listed.map(({ uri }) => uri)).not.toContain("own:hidden");
  const context = { principal: ana, client: undefined, signal, request };
  await expect(all.read("own:hidden", context)).rejects.toThrow(/^Resource not found/);
});

describe("in files", () => {
  const both = `
    import { definePrompt, defineResource, defineTool } from "holdfast";
    export default defineTool({ name: "one", description: "1", session: "optional", handler: () => "1" });
    export const prompt = definePrompt({ name: "two", handler: () => "2" });
    export const resource = [defineResource({ uri: "own:three", name: "three", read: () => "3" })];`;

  it("they come and go with the files, and clients of both eras hear of it", async () => {
    const tools = folderOf({ "a.js": both });
    const { url } = await serveHere({ config: { tools } });
    const legacy = await introduce(url);
    const heard = (await legacy.listen()).body!.pipeThrough(new TextDecoderStream()).getReader();
    const wanted = { promptsListChanged: true, resourcesListChanged: true };
    const modern = await listen(url, wanted);
    expect(await modern.next()).toEqual(acknowledged(wanted));
    const names = async () =>
      ((await legacy.ask("prompts/list")).messages[0]!["result"].prompts as Json[]).map(
        ({ name }) => name as string,
      );
    expect(await names()).toContain("two");
    rmSync(join(tools, "a.js"));
    const methods = ["notifications/prompts/list_changed", "notifications/resources/list_changed"];
    expect([await modern.next(), await modern.next()]).toMatchObject(
      methods.map((method) => ({ method })),
    );
    let text = "";
    while (!methods.every((method) => text.includes(method))) text += (await heard.read()).value;
    expect(eventsOf(text).length).toBeGreaterThan(1);
    expect(await names()).not.toContain("two");
  });

  it.each([
    [
      `definePrompt({ name: "continue_conversation", handler: () => "" })`,
      /Prompt continue_conversation: name: a built-in prompt has it/,
    ],
    [
      `defineResource({ uri: "Holdfast://x", name: "x", read: () => "" })`,
      /Resource holdfast:\/\/x: uri: a built-in resource has it/,
    ],
    [
      `definePrompt({ name: "a", arguments: z.object({ n: z.number() }), handler: () => "" })`,
      /Prompt a: arguments: n: .*texts/,
    ],
    [`definePrompt({ name: "a", title: 7, handler: () => "" })`, /Prompt a: title: /],
    [`definePrompt({ name: "a b", handler: () => "" })`, /Prompt "a b": a name has/],
    [`definePrompt({ name: "a" })`, /Prompt a: handler: it is needed/],
    [
      `definePrompt({ name: "a", complete: { x() {} }, handler: () => "" })`,
      /complete\.x: there is no x/,
    ],
    [
      `defineResource({ uri: "a:b", uriTemplate: "a:{b}", name: "b", read: () => "" })`,
      /uri: expected a uri, or a template/,
    ],
    [
      `defineResource({ uriTemplate: "a:{b", name: "b", read: () => "" })`,
      /uriTemplate: its braces/,
    ],
    [
      `defineResource({ uri: "no uri", name: "b", read: () => "" })`,
      /uri: expected a uri, such as/,
    ],
    [
      `defineResource({ uri: "a:b", name: "b", size: "big", read: () => "" })`,
      /Resource a:b: size: /,
    ],
    [
      `defineResource({ uri: "a:b", name: "b", read: "text" })`,
      /Resource a:b: read: expected a function/,
    ],
  ])("%s is refused with its file and field, and the others are served", async (source, reason) => {
    const imports = `import { definePrompt, defineResource } from "holdfast"; import { z } from "zod";`;
    const tools = folderOf({ "a.js": both });
    writeInto(tools, "b.js", `${imports}; export default ${source};`);
    const faults: string[] = [];
    const holdfast = createHoldfast({
      config: { tools, ephemeral: true },
      env: {},
      onToolFault: (line) => faults.push(line),
    });
    const running = await holdfast.run("http", { port: 0 });
    expect(running.app.loaded()).toEqual({
      tools: ["one"],
      prompts: ["two"],
      resources: ["own:three"],
    });
    await running.stop();
    expect(faults).toEqual([expect.stringMatching(/^tools: b\.js: not loaded: /)]);
    expect(faults[0]).toMatch(reason);
  });

  it("in code, they are refused where they are made", () => {
    const plain = { name: "x", render: () => "" } as never;
    expect(() => createHoldfast({ prompts: [plain] })).toThrow(/prompts\.0: .*definePrompt/);
    expect(() => createHoldfast({ resources: [plain] })).toThrow(/resources\.0: .*defineResource/);
  });
});

it("a function of theirs that throws or suggests no texts is told as its author's mistake, and costs others nothing", async () => {
  const secret = () => {
    throw new Error("hunter2");
  };
  const { url } = await serveHere({
    prompts: [
      definePrompt({
        name: "odd",
        arguments: z.object({ a: z.string().transform(secret), b: z.string().optional() }),
        complete: { a: secret, b: () => [7] as never },
        handler: () => "never",
      }),
    ],
    resources: [
      defineResource({ uriTemplate: "odd://{a}", name: "odd", list: secret, read: () => "x" }),
      defineResource({ uriTemplate: "no://{a}", name: "no", match: secret, read: () => "never" }),
    ],
    config: QUIET,
  });
  const client = await introduce(url);
  const ask = (method: string, params?: object) => client.ask(method, params);
  const ref = { type: "ref/prompt", name: "odd" };
  const complete = (name: string) =>
    ask("completion/complete", { ref, argument: { name, value: "" } });
  for (const { messages, text } of [
    await ask("prompts/get", { name: "odd", arguments: { a: "x" } }),
    await complete("a"),
    await complete("b"),
  ]) {
    expect(messages[0]!["error"].message).toMatch(/author must mend: prompt odd/i);
    expect(text).not.toContain("hunter2");
  }
  const { resources: listed } = (await ask("resources/list")).messages[0]!["result"];
  expect((listed as Json[]).map(({ uri }) => uri as string)).toContain("holdfast://sessions");
  const read = await ask("resources/read", { uri: "holdfast://sessions" });
  expect(read.messages[0]).toMatchObject({ result: { contents: [{}] } });
});

// Tools in files: what of a folder is loaded, what a file may import, and what becomes of files with faults.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { library } from "../../src/holdfast.ts";
import * as entry from "../../src/index.ts";
import { connect, VERSIONS } from "../support/clients.ts";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { PROGRAM, run, startServer } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { REMEMBER, saying } from "../support/tool-sources.ts";

const serveTools = (files: Record<string, string>) =>
  startServer({ folder: temporaryFolder(), args: ["--tools", folderOf(files)] });

/** The program's own tools. */
const builtIn = async () => {
  const { url } = await serveHere();
  return (await connect("v2", { url })).toolNames();
};

describe("a folder of tools", () => {
  it.each(VERSIONS)(
    "gives the %s client tools with durable sessions, over HTTP",
    async (version) => {
      const tools = folderOf({ "remember.ts": REMEMBER });
      const folder = temporaryFolder();
      const server = await startServer({ folder, args: ["--tools", tools] });
      const client = await connect(version, { url: `${server.url}?name=shop` });
      expect((await client.call("remember_order", { item: "tea" })).text).toBe("Noted: tea");
      await server.kill();
      await startServer({ folder, args: ["--tools", tools], port: server.port });
      await client.call("remember_order", { item: "cake" });
      const orders = (await client.call("state_get", { key: "orders" })).data.value as unknown;
      expect(orders).toEqual([{ item: "tea" }, { item: "cake" }]);
      expect((await client.call("remember_order", { item: "x" })).meta).toMatchObject({
        "holdfast/error": "invalid",
      });
      expect(server.errors()).toBe("");
    },
  );

  it("is named by a variable too, and serves over stdio", async () => {
    const tools = folderOf({ "a.mjs": saying("greet", "hello") });
    const env = { HOLDFAST_TOOLS: tools, HOLDFAST_EPHEMERAL: "true" };
    const pipe = await rawStdio([], { env });
    expect((await pipe.call("greet")).result?.content).toEqual([{ type: "text", text: "hello" }]);
    expect(pipe.errors()).toBe("");
  });

  it("may be relative to where the program is started", async () => {
    const tools = folderOf({ "mine/a.js": saying("greet", "hello") });
    const program = [...PROGRAM, "stdio"];
    const pipe = await rawStdio(["--tools", "mine", "--ephemeral"], {
      command: program,
      cwd: tools,
    });
    expect((await pipe.call("greet")).result?.content).toMatchObject([{ text: "hello" }]);
  });

  it("is loaded in order of the names: default exports, named ones and lists, each tool once", async () => {
    const many = `
      import { defineTool } from "holdfast";
      const tool = (name) => defineTool({ name, description: "For a test.", handler: () => "" });
      export const second = tool("b_second"), first = tool("b_first");
      export default [tool("b_third"), second];
      export const limit = 3, nothing = null;
    `;
    const server = await serveTools({
      "c.mts": saying("c", ""),
      "b.js": many,
      "a.mjs": saying("a", ""),
    });
    const names = await (await connect("v2", server)).toolNames();
    const own = ["a", "b_first", "b_second", "b_third", "c"];
    expect(names.slice(0, -own.length)).toEqual(await builtIn());
    expect(names.slice(-own.length).sort()).toEqual(own);
    expect([names.at(-own.length), names.at(-1)]).toEqual(["a", "c"]);
    expect(server.errors()).toBe("");
  });

  it("may have other files in it: hidden ones, tests, declarations, folders, data", async () => {
    const server = await serveTools({
      "a.ts": `import { words } from "./lib/words.ts";
        import { more } from "./lib/more.js"; // as compilers want it
        import data from "./data.json" with { type: "json" };
        ${saying("greet", "").replace('""', "`${words} ${data.n}${more}`")}`,
      "lib/words.ts": "export const words: string = 'hello';",
      "lib/more.ts": "export const more: string = '!';",
      "data.json": '{ "n": 1 }',
      ".hidden.js": "throw new Error('hidden')",
      "a.test.ts": "throw new Error('test')",
      "types.d.ts": "export declare const x: number;",
      "notes.md": "# Notes",
      "folder.js/readme": "",
    });
    expect((await (await connect("v2", server)).call("greet")).text).toBe("hello 1!");
    expect(server.errors()).toBe("");
  });

  it("gives its files everything that `holdfast` exports", () => {
    expect(Object.keys(library).sort()).toEqual(Object.keys(entry).sort());
    for (const [name, value] of Object.entries(library))
      expect(value, name).toBe(entry[name as keyof typeof entry]);
  });
});

describe("a file with a fault", () => {
  const FAULTS: Record<string, [text: string, reason: RegExp]> = {
    "syntax.mjs": ["\nexport default {{;", /SyntaxError: .*\(syntax\.mjs, line 2\)/],
    "misspelt.js": [
      "import { defineTool } from 'holdfast';\nexport default defineTool({ name: 'a', description: 'b', imput: {}, handler() {} });",
      /Tool a: imput is no field\. Did you mean input\? \(misspelt\.js, line 2\)/,
    ],
    "syntax.ts": ["const a = 1;\nexport default {{;", /SyntaxError: .*\(syntax\.ts, line 2\)/],
    "enum.ts": ["enum A { x }\nexport default A;", /enum is not supported.*\(enum\.ts, line 1\)/],
    "throws.js": ["\nthrow new Error('No key.');", /Error: No key\. \(throws\.js, line 2\)/],
    "prompt.js": [
      "import { definePrompt } from 'holdfast';\nexport default definePrompt({ name: 'a', tittle: 'A', handler() {} });",
      /Prompt a: tittle is no field\. Did you mean title\?/,
    ],
    "resource.js": [
      "import { defineResource } from 'holdfast';\nexport default defineResource({ name: 'a', uri: 'a:b', mimetype: 'a/b', read() {} });",
      /mimetype is no field\. Did you mean mimeType\?/,
    ],
    "text.js": ["throw 'No key.';", /it threw No key\./],
    "thrown.js": ["throw { code: 'E', message: 'No key.' };", /it threw No key\./],
    "reason.js": [
      "throw new Error('Down.', { cause: new Error('No net.') });",
      /Down\. \(No net\.\)/,
    ],
    "odd-error.js": [
      "throw Object.assign(new Error('x'), { message: { code: 7 } });",
      /Error: \[object Object\] \(odd-error\.js, line 1\)/,
    ],
    "unreadable.js": [
      "throw Object.defineProperty(new Error(), 'message', { get() { throw new Error('No.'); } });",
      /it cannot be shown/,
    ],
    "exits.js": [
      "import { exit } from 'node:process';\nif (!process.env.NO_SUCH_KEY) exit(1);",
      /process\.exit\(1\), which would end the server \(exits\.js, line 2\)/,
    ],
    "imports.js": ["export * from './lib/between.js';", /SyntaxError: .*\(bad\.js, line 3\)/],
    "data.js": [
      "import data from './lib/data.json';",
      /"file:.*\/lib\/data\.json" needs an import attr/,
    ],
    "promise.js": [
      saying("late", "").replace(
        "default defineTool",
        "default (async (spec) => defineTool(spec))",
      ),
      /it exports no tool, but a promise: put `await` before it/,
    ],
    "forgotten.js": [
      `${saying("kept", "")}export const other = { name: "other", description: "", handler() {} };`,
      /its export other is no tool; a tool is what defineTool/,
    ],
    "nothing.js": ["export const a = 1;", /it exports no tool; a tool is what defineTool/],
    "spec.js": ["export default { name: 'x', handler() {} };", /it exports no tool/],
    "builtin.js": [saying("chat", ""), /Tool chat: name: a built-in tool has it/],
    "double.js": [saying("greet", "other"), /Tool greet: name: two tools have it\./],
    "name.js": [saying("two words", ""), /"two words": a name has 1 to 128 letters/],
    "missing.js": ['import "left-pad";', /Cannot find package 'left-pad'/],
    "export.js": ['import { tool } from "holdfast";', /export named 'tool' \(export\.js, line 1\)/],
    "input.js": [
      saying("strange", "").replace("handler", "input: { item: 'string' }, handler"),
      /Tool strange: input: type: expected "object", received nothing/,
    ],
    "schema.js": [
      `import { z } from "zod";${saying("dated", "").replace("handler", "input: z.object({ at: z.date() }), handler")}`,
      /Tool dated: input: it has no JSON Schema: .*Date cannot be represented/,
    ],
    "handler.js": [
      saying("lazy", "").replace("handler", "run"),
      /lazy: a description and a handler/,
    ],
  };

  /** A tool whose definition has these fields too. */
  const defined = (fields: string): string =>
    `import { z } from "zod";${saying("odd", "").replace('session: "optional", handler', `${fields}, handler`)}`;
  const DEFINITIONS: Record<string, [fields: string, reason: RegExp]> = {
    "bigint.js": [
      "inputSchema: { type: 'object', properties: { n: { maximum: 10n } } }",
      /inputSchema: properties\.n\.maximum: expected JSON, received a bigint/,
    ],
    "default.js": [
      "input: z.object({ n: z.bigint().default(1n) })",
      /input: it has no JSON Schema/,
    ],
    "text-schema.js": ["inputSchema: { type: 'string' }", /inputSchema: type: expected "object"/],
    "list-schema.js": ["inputSchema: []", /inputSchema: expected z\.object/],
    "cycle.js": [
      "get inputSchema() { const s = { type: 'object' }; s.properties = { s }; return s; }",
      /inputSchema: properties\.s: expected JSON, received a value that contains itself/,
    ],
    "getter.js": ["get title() { throw new Error('No.'); }", /title: reading it threw Error: No\./],
    "title.js": ["title: 7", /title: .*expected string/],
    "hint.js": ["annotations: { readOnlyHint: 'yes' }", /annotations\.readOnlyHint: .*boolean/],
    "hints.js": ["annotations: ['readOnlyHint']", /annotations: .*expected object/],
    "icons.js": ["icons: [{ src: 5 }]", /icons\.0\.src: .*expected string/],
    "meta.js": ["_meta: [1]", /_meta: .*expected record/],
    "boolean-part.js": [
      "inputSchema: { type: 'object', properties: { a: true } }",
      /inputSchema: properties\.a: expected a schema/,
    ],
    "type.js": [
      "inputSchema: { type: 'object', properties: { a: { type: 'texty' } } }",
      /inputSchema: it is no valid JSON Schema/,
    ],
    "pattern.js": [
      "output: z.object({ a: z.string().regex(/\\-/) })",
      /output: it is no valid JSON Schema: .*Invalid regular expression/,
    ],
    "list-output.js": ["output: z.array(z.string())", /output: type: expected "object"/],
    "inputs.js": ["input: z.object({}), inputs: z.object({})", /inputs is no field.*mean input\?/],
    "parameters.js": ["parameters: z.object({})", /parameters is no field.*mean input\?/],
    "output.js": ["outputSchema: { type: 'object' }", /outputSchema is no field.*mean output\?/],
    "timeout.js": ["timeout: 5_000", /timeout is no field.*mean timeoutMs\?/],
    "access.js": ["canAccess: () => false", /canAccess is no field.*mean scope\?/],
    "unknown.js": ["cache: true", /cache is no field\. The fields are name, description, handler,/],
    "hint-case.js": [
      "annotations: { readonlyHint: true }",
      /annotations: expected readOnlyHint, received readonlyHint/,
    ],
    "hint-part.js": [
      "annotations: { destructive: true }",
      /annotations: expected destructiveHint, received dest/,
    ],
    "raw-shape.js": [
      "input: { item: z.string() }",
      /input: expected one schema: put these into z\.obj/,
    ],
    "zod-schema.js": [
      "inputSchema: z.object({})",
      /inputSchema: expected a JSON Schema; this one goes/,
    ],
    "policy.js": ["session: 'maybe'", /session: expected one of required, created, optional/],
    "response.js": ["response: 'xml'", /response: expected json or stream/],
    "quick.js": ["quick: 'yes'", /quick: expected true or false/],
  };
  for (const [name, [fields, reason]] of Object.entries(DEFINITIONS))
    FAULTS[name] = [defined(fields), new RegExp(`Tool odd: ${reason.source}`)];

  it("is one line that names it and says why; all others are loaded", async () => {
    const files = Object.entries(FAULTS).map(([name, [text]]) => [name, text] as const);
    const server = await serveTools({
      ...Object.fromEntries(files),
      "lib/between.js": "export * from './bad.js';",
      "lib/bad.js": "\n\nexport const a = {{;",
      "lib/data.json": "{}",
      "aa-greet.ts": saying("greet", "hello"),
      "zz-remember.ts": REMEMBER,
    });
    const client = await connect("v2", server);
    expect((await client.call("greet")).text).toBe("hello");
    expect((await client.call("remember_order", { item: "tea" })).text).toBe("Noted: tea");
    expect(await client.toolNames()).toHaveLength((await builtIn()).length + 2);
    const lines = server.errors().trim().split("\n");
    expect(lines).toHaveLength(files.length);
    for (const [name, [, reason]] of Object.entries(FAULTS)) {
      const line = lines.find((text) => text.startsWith(`holdfast: tools: ${name}: not loaded: `));
      expect(line, name).toMatch(reason);
    }
  });

  it("that waits for ever at its top level is left out after 10 s", async () => {
    const files = { "a.js": "await new Promise(() => {});", "b.js": saying("greet", "hello") };
    const server = await serveTools(files);
    expect(server.errors()).toBe(
      "holdfast: tools: a.js: not loaded: it still waits for something after 10 s\n",
    );
    expect((await (await connect("v2", server)).call("greet")).text).toBe("hello");
  });

  it("gives none of its tools, so that a file is there as a whole or not at all", async () => {
    const both = `${saying("good", "")}
      export const bad = defineTool({ name: "chat", description: "", handler: () => "" });`;
    const server = await serveTools({ "both.js": both });
    expect(await (await connect("v2", server)).toolNames()).toEqual(await builtIn());
  });

  it.each([
    ["is not there", "no", /no such file or folder/],
    ["is a file", "a.js", /a part of the path is no folder/],
  ])("or a folder that %s stops the start", async (_, name, reason) => {
    const tools = join(folderOf({ "a.js": "" }), name);
    for (const command of ["serve", "stdio"]) {
      const args = [command, "--tools", tools, "--ephemeral"];
      const { code, stdout, stderr } = await run(args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(reason);
      expect(stderr).toContain(`holdfast: tools: ${tools} cannot be read`);
    }
  });
});

describe("commands that run no tools", () => {
  it("load none", async () => {
    const tools = folderOf({ "a.js": "throw new Error('loaded')" });
    const env = { HOLDFAST_TOOLS: tools, HOLDFAST_DATA_DIR: temporaryFolder() };
    expect(await run(["keys", "list"], { env })).toMatchObject({
      stderr: expect.not.stringContaining("loaded") as string,
    });
  });
});

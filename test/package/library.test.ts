// The library: a developer's own tools beside the built-in ones, with durable, isolated sessions over any transport.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import type { Settings } from "../../src/config/config.ts";
import {
  AppError,
  createHoldfast,
  defineTool,
  type Running,
  type Tool,
  type ToolResult,
  testClient,
} from "../../src/index.ts";
import { connect, type TestClient } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { cleanEnv } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";

const ORDER_SERVER = [
  ...[process.execPath, "--conditions", "clone"],
  fileURLToPath(new URL("../support/order-server.ts", import.meta.url)),
];

const rememberOrder = defineTool({
  name: "remember_order",
  description: "Remember what the customer ordered.",
  input: z.object({ item: z.string() }),
  async handler({ input, session }) {
    const orders = (await session.state.get<string[]>("orders")) ?? [];
    await session.state.set("orders", [...orders, input.item]);
    return `Noted: ${input.item}`;
  },
});

async function serve(tools: readonly Tool[], folder = temporaryFolder()): Promise<Running> {
  const holdfast = createHoldfast({ tools, config: { "data-dir": folder }, env: {} });
  const running = await holdfast.run("http", { port: 0, "log-level": "silent" });
  onTestFinished(() => running.stop());
  return running;
}

const client = async ({ url }: Running, version: "v1" | "v2" = "v2"): Promise<TestClient> =>
  connect(version, { url: url! });

/** A tool that takes nothing. */
const tool = (name: string, handler: () => ToolResult | Promise<ToolResult>): Tool =>
  defineTool({ name, description: "For a test.", handler });

const orders = async (of: TestClient): Promise<unknown> =>
  (await of.call("state_get", { key: "orders" })).data.value;

describe("a tool of one's own", () => {
  it("keeps what it remembers apart for each client, over HTTP", async () => {
    const running = await serve([rememberOrder]);
    const [ada, bob] = [await client(running, "v1"), await client(running, "v2")];
    expect((await ada.call("remember_order", { item: "tea" })).text).toBe("Noted: tea");
    await bob.call("remember_order", { item: "rum" });
    await ada.call("remember_order", { item: "cake" });
    expect(await orders(ada)).toEqual(["tea", "cake"]);
    expect(await orders(bob)).toEqual(["rum"]);
  });

  it("keeps it across a restart of the program, in the same client", async () => {
    const folder = temporaryFolder();
    const first = await serve([rememberOrder], folder);
    const ada = await client(first);
    await ada.call("remember_order", { item: "tea" });
    await first.stop();
    const port = Number(new URL(first.url!).port);
    const options = { tools: [rememberOrder], config: { "data-dir": folder, port }, env: {} };
    const second = await createHoldfast(options).run("http");
    onTestFinished(() => second.stop());
    await ada.call("remember_order", { item: "cake" });
    expect(await orders(ada)).toEqual(["tea", "cake"]);
  });

  it("works in a program of one's own over stdio, at home or in the named session", async () => {
    const folder = temporaryFolder();
    const start = (...name: string[]) =>
      rawStdio(["stdio", folder, ...name], { command: ORDER_SERVER });
    const [ada, bob] = await Promise.all([start(), start("bob's")]);
    await ada.call("remember_order", { item: "tea" });
    await bob.call("remember_order", { item: "rum" });
    await ada.call("remember_order", { item: "cake" });
    const [ofAda, ofBob] = await Promise.all(
      [ada, bob].map((raw) => raw.call("state_get", { key: "orders" })),
    );
    expect(ofAda!.result?.structuredContent).toMatchObject({ value: ["tea", "cake"] });
    expect(ofBob!.result?.structuredContent).toMatchObject({ value: ["rum"] });
    const [atHome, named] = await Promise.all([ada, bob].map((raw) => raw.call("session_info")));
    expect(atHome!.result?.structuredContent).toMatchObject({ name: "home" });
    expect(named!.result?.structuredContent).toMatchObject({ name: "bob's" });
    ada.end();
    expect(await ada.exited).toEqual({ code: 0, signal: null }); // `done` resolved
  });

  it("works in a program of one's own over HTTP, which ends when it stops", async () => {
    const [command, ...script] = ORDER_SERVER;
    const child = spawn(command!, [...script, "http", temporaryFolder()], { env: cleanEnv() });
    onTestFinished(() => void child.kill("SIGKILL"));
    const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const ada = await connect("v2", { url });
    expect((await ada.call("remember_order", { item: "tea" })).text).toBe("Noted: tea");
    expect(await orders(ada)).toEqual(["tea"]);
    await ada.close();
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("is listed beside the built-in ones, with its schemas and the argument `session`", async () => {
    const described = defineTool({
      name: "count_words",
      title: "Count words",
      description: "Count the words of a text.",
      input: z.object({ text: z.string().describe("The text.") }),
      output: z.object({ words: z.int() }),
      annotations: { readOnlyHint: true },
      handler: ({ input }) => ({ words: input.text.split(/\s+/).length }),
    });
    const ada = await client(await serve([described]));
    const tools = await ada.tools();
    expect(tools.map(({ name }) => name)).toContain("state_get");
    expect(tools.find(({ name }) => name === "count_words")).toMatchObject({
      title: "Count words",
      description: "Count the words of a text.",
      inputSchema: {
        type: "object",
        properties: {
          text: { type: "string", description: "The text." },
          session: { type: "string" },
        },
        required: ["text"],
      },
      outputSchema: {
        type: "object",
        properties: { words: { type: "integer" }, session: {} },
        required: ["words", "session"],
      },
      annotations: { readOnlyHint: true },
    });
    const { data, text } = await ada.call("count_words", { text: "one two" });
    expect(data).toEqual({ session: expect.any(String), words: 2 });
    expect(JSON.parse(text)).toEqual(data);
    const wrong = await ada.call("count_words", { text: 7 });
    expect(wrong).toMatchObject({ isError: true, meta: { "holdfast/error": "invalid" } });
    expect(wrong.text).toMatch(/text: .*expected string/);
  });

  it("works in the session that its caller names", async () => {
    const ada = await client(await serve([rememberOrder]));
    const { session } = (await ada.call("session_open", { name: "shop" })).data;
    await ada.call("remember_order", { session, item: "tea" });
    expect(await orders(ada)).toBeUndefined();
    expect((await ada.call("state_get", { session, key: "orders" })).data.value).toEqual(["tea"]);
  });
});

describe("a result", () => {
  it("may be a text, a value or a whole MCP result; each says its session", async () => {
    const running = await serve([
      tool("text", () => "plain"),
      tool("value", () => ({ n: 1, list: [true, null] })),
      tool("whole", () => ({
        content: [{ type: "text", text: "for people" }],
        structuredContent: { n: 2 },
        _meta: { "example/own": 3 },
      })),
      tool("refusal", () => ({ isError: true, content: [{ type: "text", text: "Not today." }] })),
    ]);
    const ada = await client(running);
    const { session } = (await ada.call("session_info")).data;
    const meta = { "holdfast/session": session };
    expect(await ada.call("text")).toEqual({ text: "plain", data: {}, isError: false, meta });
    const value = await ada.call("value");
    expect(value).toMatchObject({ data: { session, n: 1, list: [true, null] }, meta });
    expect(JSON.parse(value.text)).toEqual(value.data);
    expect(await ada.call("whole")).toEqual({
      text: "for people",
      data: { session, n: 2 },
      isError: false,
      meta: { ...meta, "example/own": 3 },
    });
    expect(await ada.call("refusal")).toMatchObject({ text: "Not today.", isError: true });
  });

  it("of a tool that throws is an error that keeps the reason private", async () => {
    const running = await serve([
      tool("broken", () => {
        throw new Error("password is hunter2");
      }),
      tool("rejecting", () => Promise.reject(new TypeError("hunter2 is not a function"))),
      tool("throwing_text", () => Promise.reject("hunter2")),
      tool("refusing", () => {
        throw new AppError("limit", "The shop is full.", {
          hint: "Come back tomorrow.",
          cause: new Error("hunter2"),
        });
      }),
    ]);
    const ada = await client(running);
    for (const name of ["broken", "rejecting", "throwing_text"]) {
      const failed = await ada.call(name);
      expect(failed).toMatchObject({ isError: true, meta: { "holdfast/error": "internal" } });
      expect(failed.text).not.toBe("");
      expect(JSON.stringify(failed)).not.toContain("hunter2");
    }
    expect(await ada.call("refusing")).toEqual({
      text: "The shop is full. Come back tomorrow.",
      data: {},
      isError: true,
      meta: { "holdfast/error": "limit" },
    });
    expect((await ada.call("state_list")).isError).toBe(false);
  });

  it("that breaks the tool's own output schema is an error, not a wrong answer", async () => {
    const output = z.object({ words: z.int() });
    const lying = defineTool({
      name: "lying",
      description: "…",
      output,
      // @ts-expect-error -- the types say it too
      handler: () => ({ words: "two" }),
    });
    const answer = await (await client(await serve([lying]))).call("lying");
    expect(answer).toMatchObject({ isError: true, meta: { "holdfast/error": "internal" } });
  });
});

describe("a definition that cannot work", () => {
  it("is refused where it is written: a wrong name, the reserved argument `session`", () => {
    for (const name of ["", "two words", "ä", "a/b", "x".repeat(129)]) {
      expect(() => tool(name, () => ""), name).toThrow(/1 to 128 letters/);
    }
    const withSession = z.object({ session: z.string() });
    const spec = { name: "mine", description: "…", handler: () => "" };
    expect(() => defineTool({ ...spec, input: withSession })).toThrow(/mine.*"session"/);
    const output = { ...spec, output: withSession, handler: () => ({ session: "" }) };
    expect(() => defineTool(output)).toThrow(/mine.*"session"/);
  });

  it("is refused at the start: two tools of one name, also a built-in one's", async () => {
    const twice = [tool("same", () => "1"), tool("same", () => "2")];
    await expect(serve(twice)).rejects.toThrow(/Tool same: name: two tools have it\./);
    await expect(serve([tool("chat", () => "")])).rejects.toThrow(
      /Tool chat: name: a built-in tool has it/,
    );
  });
});

it("an option that there is not is refused, and so are a transport and a test's setting", async () => {
  const made = (options: object) => () => createHoldfast(options);
  expect(made({ tool: [] })).toThrow("createHoldfast: tool is no field. Did you mean tools?");
  expect(made({ port: 8080 })).toThrow("port is no field. The fields are tools, resources,");
  const run = createHoldfast({ config: { ephemeral: true } }).run("HTTP" as "http");
  await expect(run).rejects.toThrow('run: expected http or stdio, received "HTTP".');
  await expect(testClient([], { "max-key": 1 } as Settings)).rejects.toThrow(
    "max-key: there is no such setting; did you mean max-keys?",
  );
});

it("a name that is no setting's is refused, with the one that may be meant", async () => {
  const config = { maxAge: "90d", nonsense: 1, ephemeral: true } as Settings;
  await expect(createHoldfast({ config, env: {} }).run("http", { port: 0 })).rejects.toThrow(
    "maxAge: there is no such setting; did you mean max-age?\nnonsense: there is no such setting",
  );
});

describe("a start that fails", () => {
  const starts: Record<string, (folder: string, takenPort: number) => Promise<Running>> = {
    "because of a tool": (folder) => serve([tool("chat", () => "")], folder),
    "because of a setting": (folder) =>
      createHoldfast({ config: { "data-dir": folder, "max-age": "soon" }, env: {} }).run("http"),
    "because its port is taken": (folder, port) =>
      createHoldfast({ config: { "data-dir": folder, port }, env: {} }).run("http"),
  };
  for (const [why, start] of Object.entries(starts)) {
    it(`${why} leaves no file open`, async () => {
      const folder = temporaryFolder();
      const taken = await serve([]);
      await expect(start(folder, Number(new URL(taken.url!).port))).rejects.toThrow();
      expect(openFiles().filter((file) => file.startsWith(folder))).toEqual([]);
    });
  }
});

describe("the end", () => {
  it("resolves `done`, once, however often it is asked for; clients can connect until then", async () => {
    const running = await serve([]);
    const ada = await client(running);
    await ada.call("state_set", { key: "k", value: 1 });
    let ended = false;
    const done = running.done.then(() => (ended = true));
    expect((await ada.call("state_get", { key: "k" })).data.value).toBe(1);
    expect(ended).toBe(false);
    await Promise.all([running.stop(), running.stop()]);
    await running.stop();
    await done;
    await expect(fetch(running.url!)).rejects.toThrow();
  });
});

/** The files that this process has open. */
const openFiles = (): string[] =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });

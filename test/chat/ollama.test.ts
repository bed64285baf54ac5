// Without a configured model, the start names an Ollama that runs here; it is asked for its models and nothing else,
// and whatever it does, the server starts as it would without it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { suggestOllama } from "../../src/cli/commands/ollama.ts";
import { listenLocally } from "../support/ports.ts";
import { cleanEnv, PROGRAM } from "../support/process.ts";

interface Ollama {
  host: string;
  port: number;
  /** What it was asked, as `GET /path`. */
  requests: string[];
}

async function startOllama(answer: RequestListener): Promise<Ollama> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  const port = await listenLocally(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${port}`, port, requests };
}

const has =
  (...models: object[]): RequestListener =>
  (_, response) =>
    void response.end(JSON.stringify({ models }));

/** Starts `holdfast serve` and gives its standard output. */
function serve(env: Record<string, string>, args: string[] = []) {
  const [command, ...given] = [...PROGRAM, "serve", "--port", "0", "--ephemeral", ...args];
  const child = spawn(command!, given, { env: cleanEnv(env), stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (errors += String(chunk)));
  return {
    /** Resolves when the output matches. */
    async prints(wanted: RegExp): Promise<string> {
      while (!wanted.test(output)) await once(child.stdout, "data");
      return output;
    },
    async stop() {
      child.kill("SIGTERM");
      const [code] = (await once(child, "close")) as [number | null];
      return { code, output, errors };
    },
  };
}

describe("the start without a model", () => {
  it("suggests the Ollama that runs here, after everything else, and asks it one thing", async () => {
    const ollama = await startOllama(has({ name: "qwen3:latest" }, { name: "llama3.2:3b" }));
    const server = serve({ OLLAMA_HOST: ollama.host });
    const output = await server.prints(/Ollama.*\n/);
    expect(output.trimEnd().split("\n").at(-1)).toBe(
      `  Ollama runs here with qwen3, llama3.2:3b: --model-url http://${ollama.host}/v1 --model qwen3`,
    );
    expect((await server.stop()).errors).toBe("");
    expect(ollama.requests).toEqual(["GET /api/tags"]);
  });

  it("does not wait for an Ollama that never answers", async () => {
    const asked = Promise.withResolvers<void>();
    const ollama = await startOllama(() => asked.resolve());
    const server = serve({ OLLAMA_HOST: ollama.host });
    await asked.promise;
    await server.prints(/Ctrl\+C/);
    expect(await server.stop()).toMatchObject({ code: 0, errors: "" });
  });
});

it("with a model configured nobody is asked", async () => {
  const ollama = await startOllama(has({ name: "qwen3" }));
  const args = ["--model-url", "http://127.0.0.1:9/v1", "--model", "m"];
  const server = serve({ OLLAMA_HOST: ollama.host }, args);
  await server.prints(/Ctrl\+C/);
  // One that starts later has asked: this one would have, too.
  const other = await startOllama(has({ name: "qwen3" }));
  await serve({ OLLAMA_HOST: other.host }).prints(/Ollama.*\n/);
  const { output } = await server.stop();
  expect(output).not.toContain("Ollama");
  expect(ollama.requests).toEqual([]);
});

describe("the suggestion", () => {
  it("names models that can chat, at most five, and nothing that a terminal would obey", async () => {
    const models = [
      { name: "nomic-embed-text:latest", details: { family: "nomic-bert" } },
      { name: "all-minilm", details: { family: "bert" } },
      { name: "evil\u001b[31m" },
      { name: "a; rm -rf" },
      ...["a", "b:latest", "hf.co/x/y:Q4_K_M", "d", "e", "f"].map((name) => ({ name })),
    ];
    const { host } = await startOllama(has(...models));
    expect(await suggestOllama(host)).toBe(
      `Ollama runs here with a, b, hf.co/x/y:Q4_K_M, d, e: --model-url http://${host}/v1 --model a`,
    );
  });

  it.each<[string, RequestListener]>([
    ["has no models", has()],
    ["is something else", (_, response) => void response.end("<html>")],
    ["says something else", (_, response) => void response.end('{"models":[{"title":1}]}')],
    ["fails", (_, response) => void response.writeHead(500).end()],
    ["hangs up", (_, response) => void response.destroy()],
    ["sends elsewhere", (_, response) => void response.writeHead(302, { location: "/v1" }).end()],
    ["is silent", () => undefined],
    ["never ends", (_, response) => void response.write('{"models":[')],
  ])("is not made when what answers %s", async (_, answer) => {
    const { host, requests } = await startOllama(answer);
    expect(await suggestOllama(host)).toBeUndefined();
    expect(requests).toHaveLength(1);
  });

  it("reads OLLAMA_HOST as Ollama does, and survives what is none", async () => {
    const { port } = await startOllama(has({ name: "a" }));
    const url = `http://127.0.0.1:${port}`;
    for (const host of [`0.0.0.0:${port}`, `:${port}`, ` ${url}/ `, `http://0.0.0.0:${port}`])
      expect(await suggestOllama(host), host).toContain(`--model-url ${url}/v1 `);
    for (const host of ["://", "http://", "a b", "127.0.0.1:99999"])
      expect(await suggestOllama(host), host).toBeUndefined();
  });
});

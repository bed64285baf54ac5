// Runs, lists and checks tools without a client, on the data folder.
import { resolve } from "node:path";
import { type App, buildApp } from "../../app/app.ts";
import { asTexts, loadConfig, type Settings } from "../../config/config.ts";
import { library } from "../../holdfast.ts";
import { AppError } from "../../lib/errors.ts";
import { parseExactly } from "../../lib/json/exact-numbers.ts";
import { isObject } from "../../lib/json/objects.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { counted } from "../../lib/text/plural.ts";
import { reserveStandardOutput } from "../../mcp/stdio/standard-streams.ts";
import { faultOf } from "../../tool-files/modules.ts";
import { toolFiles } from "../../tool-files/tool-file.ts";
import { table } from "../terminal/table.ts";
import { onToolFault, type Terminal } from "../terminal/terminal.ts";
import { oneLine } from "../terminal/text.ts";

type Named = ReturnType<ReturnType<App["client"]>["listTools"]>[number];
type Loaded = NonNullable<ReturnType<App["loaded"]>>;

export interface CallFlags {
  name?: string;
  session?: string;
  json?: boolean;
}

/** Call a tool; exit with 1 if its result is an error. */
export async function callTool(
  settings: Settings,
  tool: string,
  text: string,
  { name, session, json }: CallFlags,
  terminal: Terminal,
): Promise<void> {
  const args = parseArguments(text);
  const target =
    name !== undefined ? { name } : session !== undefined ? { id: session } : undefined;
  await withTools(settings, terminal.warn, async (app) => {
    if (
      !app
        .client()
        .listTools()
        .some((known) => known.name === tool)
    )
      throw new AppError("start", `There is no tool ${JSON.stringify(tool)}.`, {
        hint: `${commandLine("tools list")} names those there are.`,
      });
    let fault: string | undefined;
    const onThrow = (error: unknown): void =>
      void (fault = `The tool ${tool} failed: ${faultOf(error)}`);
    const noQuestions = "this command cannot be asked: call it from an MCP client.";
    const result = await app.client(target).call(tool, args, { onThrow, noQuestions });
    if (result["isError"] === true) terminal.setExitCode();
    if (json && fault !== undefined) terminal.warn(`holdfast: ${fault}`);
    terminal.print(json ? JSON.stringify(result) : (fault ?? textOf(result)));
  });
}

export async function listTools(
  settings: Settings,
  { json }: { json?: boolean },
  terminal: Terminal,
): Promise<void> {
  await withTools(settings, terminal.warn, async (app) => {
    const client = app.client();
    const tools = client.listTools();
    if (json) return terminal.print(JSON.stringify(tools));
    const columns = [
      { head: "tool", text: ({ name }: Named) => name },
      { head: "toolset", text: ({ name }: Named) => client.toolsetOf(name) ?? "(all)" },
      { head: "from", text: ({ name }: Named) => oneLine(app.toolFile(name) ?? "Holdfast") },
    ];
    for (const line of table(tools, columns, terminal.output)) terminal.print(line);
  });
}

/** Load the files of a folder like a start of the server; each fault is one line. */
export async function loadToolFolder(
  folder: string,
): Promise<{ loaded: Loaded; faults: string[] }> {
  const faults: string[] = [];
  const settings = { ephemeral: true, tools: resolve(folder) };
  const loaded = await withTools(
    settings,
    (line) => void faults.push(line),
    (app) => Promise.resolve(app.loaded()!),
  );
  return { loaded, faults };
}

/** Report the faults in the files of a folder; exit with 1 for any fault. */
export async function checkTools(folder: string, terminal: Terminal): Promise<void> {
  await toolFiles(resolve(folder), ""); // whose fault of the folder speaks of no setting
  const { loaded, faults } = await loadToolFolder(folder);
  const { tools, prompts, resources } = loaded;
  for (const line of faults) terminal.warn(line);
  for (const name of tools) terminal.print(`${name}: fine`);
  for (const name of prompts) terminal.print(`prompt ${name}: fine`);
  for (const uri of resources) terminal.print(`resource ${uri}: fine`);
  if (faults.length > 0) terminal.setExitCode();
  terminal.print(`${loadedText(loaded)}, ${counted(faults.length, "fault")}`);
}

/** Counts of tools, and of the other kinds if there are any. */
export const loadedText = ({ tools, prompts, resources }: Loaded): string =>
  [
    counted(tools.length, "tool"),
    ...(prompts.length > 0 ? [counted(prompts.length, "prompt")] : []),
    ...(resources.length > 0 ? [counted(resources.length, "resource")] : []),
  ].join(", ");

/** Run the app with its tools on the data folder, and close it. */
async function withTools<T>(
  settings: Settings,
  warn: (line: string) => void,
  use: (app: App) => Promise<T>,
): Promise<T> {
  const output = reserveStandardOutput(); // keep output of tools out of the command's own
  try {
    const config = loadConfig({ flags: asTexts(settings), env: process.env });
    const app = await buildApp({ config, library, ...onToolFault({ warn }) });
    try {
      await app.start();
      return await use(app);
    } finally {
      await app.stop();
    }
  } finally {
    output.release();
  }
}

function parseArguments(text: string): object {
  let args: unknown;
  try {
    args = parseExactly(text); // a number that JavaScript would change is refused, as over MCP
  } catch (error) {
    throw new AppError("start", `The arguments are not JSON: ${(error as Error).message}.`);
  }
  if (!isObject(args))
    throw new AppError("start", 'The arguments are a JSON object, such as {"key":"a"}.');
  return args;
}

/** The texts of a result; for other blocks, their kinds. */
const textOf = ({ content, ...rest }: Record<string, unknown>): string =>
  Array.isArray(content)
    ? (content as { type: string; text?: string }[])
        .map(({ type, text }) => text ?? `(${type})`)
        .join("\n")
    : JSON.stringify(rest);

// The whole server inside the test's own process, on a real socket and a real file, where a test needs a hand on its
// tools or its clock.
import { onTestFinished } from "vitest";
import { type App, buildApp } from "../../src/app/app.ts";
import { asTexts, loadConfig, type Settings } from "../../src/config/config.ts";
import { createHoldfast } from "../../src/holdfast.ts";
import * as library from "../../src/index.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { Prompt } from "../../src/prompts/prompt.ts";
import type { Resource } from "../../src/resources/resource.ts";
import type { Tool } from "../../src/tools/tool.ts";
import { dataFolder } from "./folder.ts";

export interface HereOptions {
  folder?: string;
  config?: Settings;
  tools?: readonly Tool[];
  prompts?: readonly Prompt[];
  resources?: readonly Resource[];
}

export interface Here {
  url: string;
  folder: string;
  app: App;
  stop(): Promise<void>;
}

/** Serves over HTTP until `stop` or the test's end. */
export async function serveHere({
  folder = dataFolder(),
  config = {},
  tools = [],
  prompts = [],
  resources = [],
}: HereOptions = {}): Promise<Here> {
  const settings = { port: 0, ...(!("database-url" in config) && { "data-dir": folder }) };
  const holdfast = createHoldfast({ config, tools, prompts, resources, env: {} });
  const running = await holdfast.run("http", settings);
  onTestFinished(() => running.stop());
  return { url: running.url!, folder, app: running.app, stop: () => running.stop() };
}

/** As `serveHere`, on the test's own clock. */
export async function serveAtTime(clock: Clock, config: Settings = {}): Promise<Here> {
  const { "data-dir": folder = dataFolder() } = config as { "data-dir"?: string };
  const place = "database-url" in config ? {} : { "data-dir": folder };
  const flags = asTexts({ ...config, ...place, port: 0 });
  const app = await buildApp({ config: loadConfig({ flags }), clock, library });
  onTestFinished(() => app.stop());
  await app.start();
  const { origin } = await app.listen();
  return { url: `${origin}/mcp`, folder, app, stop: () => app.stop() };
}

/** A promise that a test keeps: `wait` in a tool, `open` in the test. */
export function gate(): { wait: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: promise, open: resolve };
}

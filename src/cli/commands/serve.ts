// `holdfast serve`: MCP over HTTP, with a few lines that tell a new user the next step.
import { execFile } from "node:child_process";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import ms from "ms";
import type { Kept } from "../../app/data.ts";
import { HOME } from "../../clients/session-resolver.ts";
import { hasSignIn, isAuthorizationServer } from "../../config/auth-server.ts";
import type { Settings } from "../../config/config.ts";
import { dataPlace, folderOf } from "../../config/data-place.ts";
import { settingWarnings } from "../../config/report.ts";
import { createHoldfast, type Running } from "../../holdfast.ts";
import {
  clientConfig,
  commonPrograms,
  KEY_PLACEHOLDER,
  withName,
} from "../../http/connect/client-config.ts";
import { openings, ownAddresses } from "../../http/open-network.ts";
import type { Waiting } from "../../jobs/cleanup.ts";
import { systemReason } from "../../lib/system-errors.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import { counted } from "../../lib/text/plural.ts";
import { databaseFile } from "../../storage/admin.ts";
import { ownCommand } from "../own-command.ts";
import { onToolFault, type Terminal } from "../terminal/terminal.ts";
import { localTime } from "../terminal/times.ts";

/** Time that the processor is left to the first requests. */
const OLLAMA_AFTER_MS = 200;

export async function serve(settings: Settings, terminal: Terminal): Promise<void> {
  if (settings["model-key"] !== undefined) {
    terminal.warn(
      "holdfast: --model-key can be read by every user of this machine; HOLDFAST_MODEL_KEY cannot.",
    );
  }
  const running = await createHoldfast({
    ...onToolFault(terminal),
    command: ownCommand(),
  }).run("http", settings);
  terminal.onStop(() => running.stop());
  for (const warning of settingWarnings(running.app.config, process.env))
    terminal.warn(`holdfast: ${warning}`);
  const asks = await running.app.authenticator.required();
  if (!asks && openings(running.app.config).length > 0) {
    terminal.warn(
      "holdfast: anyone who reaches this server can read and change every conversation (--insecure-no-auth).",
    );
    terminal.warn("holdfast: Something in front of it must ask for credentials.");
  }
  terminal.print(welcome(running, asks, await running.app.kept()).join("\n"));
  void tellReady(terminal.warn);
  if (running.app.model.fallback) void tellOllama(terminal.print);
  await running.done;
  const { ephemeral } = running.app.config;
  terminal.print(
    ephemeral ? "Stopped. Nothing was kept." : "Stopped. Every conversation is stored.",
  );
}

/** Text about the age of sessions and the next deletions. */
function keepsText({ sessions, maxAgeMs, due, waiting }: Kept): string {
  const stored = `${counted(sessions, "session")} stored`;
  if (maxAgeMs === Infinity)
    return `every session until it is deleted (${stored}); --max-age sets an age`;
  const soon = [
    ...(due > 0 ? [`${due} due now`] : []),
    ...(waiting !== undefined && waiting.sessions > 0 ? [waitingSoon(waiting)] : []),
  ];
  const what = [stored, ...(soon.length > 0 ? soon : ["none due"])].join(", ");
  return `sessions for ${ms(maxAgeMs, { long: true })} after their last use (${what})`;
}

const waitingSoon = ({ sessions, until }: Waiting): string =>
  `${sessions} due${until === null ? "" : ` at ${localTime(until)}`} that the last run kept`;

/** `asks`: the server needs credentials. */
function welcome({ url, app }: Running, asks: boolean, kept: Kept): string[] {
  const { config, model } = app;
  const { accepted, refused } = ownAddresses(config, networkInterfaces());
  const port = new URL(url!).port;
  const at = (name: string): string => `http://${name}:${port}/mcp`;
  const names = [...(config["allowed-hosts"] ?? []), ...refused].join(",");
  const address = config["public-url"]
    ? `${config["public-url"]}/mcp`
    : accepted[0]
      ? at(accepted[0])
      : url!;
  // Leave the key out where programs find the way to a token by themselves.
  const key = asks && !hasSignIn(config) ? KEY_PLACEHOLDER : undefined;
  const folder = folderOf(config);
  const data = config.ephemeral
    ? "in memory only, gone at the end"
    : folder === undefined
      ? dataPlace(config)
      : databaseFile(folder);
  const answers =
    model.label === "recall"
      ? "recall (quotes the conversation; for a language model set --model-url and --model)"
      : model.label;
  return [
    `Holdfast listens on ${url}`,
    ...accepted.map((name) => `              and ${at(name)}`),
    ...(refused.length === 0
      ? []
      : [`  To be reached as ${refused.map(at).join(", ")} it needs --allowed-hosts ${names}`]),
    `  data   ${data}`,
    `  keeps  ${keepsText(kept)}`,
    `  model  ${answers}`,
    ...(config.tools === undefined ? [] : [`  tools  ${config.tools}`]),
    ...(config.console ? [`  see    ${consoleText(address, asks)}`] : []),
    ``,
    `For ${commonPrograms()}:`,
    `  ${JSON.stringify(clientConfig(withName(address, HOME), key))}`,
    ...(isAuthorizationServer(config)
      ? [`For claude.ai and ChatGPT: add a connector with ${address}`]
      : []),
    ``,
    config.ephemeral ? `Ctrl+C stops it.` : `Ctrl+C stops it; conversations stay.`,
  ];
}

/** Address of the console. A link that signs in is printed by its own command: this output may go to a log. */
const consoleText = (address: string, asks: boolean): string =>
  `${new URL("/console", address).href}${asks ? ` (${commandLine("console")} prints a link that signs in)` : ""}`;

async function tellOllama(print: (line: string) => void): Promise<void> {
  await sleep(OLLAMA_AFTER_MS, undefined, { ref: false });
  const { suggestOllama } = await import("./ollama.ts");
  const line = await suggestOllama(process.env["OLLAMA_HOST"]);
  if (line !== undefined) print(`  ${line}`);
}

/** Program of systemd. Node opens no datagram sockets in the file system, and libraries that do need a compiler. */
const NOTIFY_PROGRAM = "systemd-notify";

/** Tell systemd that the server is ready (`Type=notify` in deploy/holdfast.service); do nothing elsewhere. */
async function tellReady(warn: (line: string) => void): Promise<void> {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  try {
    await promisify(execFile)(NOTIFY_PROGRAM, ["--ready"]);
  } catch (error) {
    const reason = systemReason(error) ?? "it failed";
    warn(`holdfast: systemd does not know that the server is ready: ${NOTIFY_PROGRAM}: ${reason}.`);
  }
}

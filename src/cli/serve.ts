// `holdfast serve`: MCP over HTTP, with a few lines that tell a new user what to do next.
import { createHoldfast, type Running, type Settings } from "../holdfast.ts";
import { databaseFile } from "../storage/storage.ts";
import type { Terminal } from "./terminal.ts";

export async function serve(settings: Settings, terminal: Terminal): Promise<void> {
  if (settings["model-key"] !== undefined) {
    terminal.warn(
      "holdfast: --model-key can be read by every user of this machine; HOLDFAST_MODEL_KEY cannot.",
    );
  }
  const running = await createHoldfast().run("http", settings);
  terminal.onStop(() => running.stop());
  if (!isLoopback(running.app.config.host)) {
    terminal.warn(
      "holdfast: whoever reaches this address can read and change every conversation: there is no",
    );
    terminal.warn(
      "holdfast: authentication yet. Put a proxy that asks for credentials in front of it.",
    );
    terminal.warn(
      "holdfast: --allowed-hosts names the host names under which clients may reach it.",
    );
  }
  for (const line of welcome(running)) terminal.print(line);
  await running.done;
  const { ephemeral } = running.app.config;
  terminal.print(
    ephemeral ? "Stopped. Nothing was kept." : "Stopped. Every conversation is stored.",
  );
}

function welcome({ url, app }: Running): string[] {
  const { config, model } = app;
  const data = config.ephemeral
    ? "in memory only, gone at the end"
    : databaseFile(config["data-dir"]);
  const answers =
    model.label === "recall"
      ? "recall (quotes the conversation; for a language model set --model-url and --model)"
      : model.label;
  return [
    `Holdfast listens on ${url}`,
    `  data   ${data}`,
    `  model  ${answers}`,
    ``,
    `Paste this into your MCP client's configuration:`,
    `  ${JSON.stringify({ mcpServers: { holdfast: { type: "http", url } } })}`,
    ``,
    config.ephemeral ? `Ctrl+C stops it.` : `Ctrl+C stops it; conversations stay.`,
  ];
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.");

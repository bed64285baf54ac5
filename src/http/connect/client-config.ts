// The configuration with which a program finds this server, in the form that most programs read.
import { type Config, settings } from "../../config/config.ts";
import { commandLine } from "../../lib/text/command-line.ts";

/** Programs that read the form of `clientConfig`. */
export const commonPrograms = (): string =>
  `Claude Code, Cursor and others (\`${commandLine("connect")}\` has more)`;

/** Placeholder for an unknown key. */
export const KEY_PLACEHOLDER = "hf_…";

/** Address of the MCP endpoint under these settings. */
export function serverUrl({ host, port, "public-url": publicUrl }: Config): string {
  const isAnywhere = host === "0.0.0.0" || host === "::";
  const name = isAnywhere ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `${publicUrl ?? `http://${name}:${port || settings.port.default}`}/mcp`;
}

/** Address with a session name, for programs that share this session. */
export function withName(address: string, name: string): string {
  const url = new URL(address);
  if (!url.searchParams.has("name")) url.searchParams.set("name", name);
  return url.href;
}

export const bearer = (key: string): Record<string, string> => ({
  Authorization: `Bearer ${key}`,
});

/** Configuration as Claude Code, Cursor and many others read it. `key`: present if the server needs one. */
export const clientConfig = (url: string, key?: string): object => ({
  mcpServers: {
    holdfast: { type: "http", url, ...(key !== undefined && { headers: bearer(key) }) },
  },
});

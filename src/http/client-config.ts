// What a program is told to find this server, in the form that most of them read.
import { settings, type Config } from "../config/config.ts";

/** Who reads what `clientConfig` gives. */
export const COMMON_PROGRAMS = "Claude Code, Cursor and others (`holdfast connect` has more)";

/** Stands for a key where none is known. */
export const KEY_PLACEHOLDER = "hf_…";

/** The address of MCP that these settings give a server. */
export function serverUrl({ host, port, "public-url": publicUrl }: Config): string {
  const isAnywhere = host === "0.0.0.0" || host === "::";
  const name = isAnywhere ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `${publicUrl ?? `http://${name}:${port || settings.port.default}`}/mcp`;
}

/** An address whose programs share the session of this name. */
export function withName(address: string, name: string): string {
  const url = new URL(address);
  if (!url.searchParams.has("name")) url.searchParams.set("name", name);
  return url.href;
}

export const bearer = (key: string): Record<string, string> => ({
  Authorization: `Bearer ${key}`,
});

/** As Claude Code, Cursor and many others have it. `key`: where one is asked for. */
export const clientConfig = (url: string, key?: string): object => ({
  mcpServers: {
    holdfast: { type: "http", url, ...(key !== undefined && { headers: bearer(key) }) },
  },
});

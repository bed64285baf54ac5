// The programs that `holdfast connect` knows, with the file and the form of each one's configuration.
import { homedir } from "node:os";
import { join } from "node:path";

/** The two ways to Holdfast: over HTTP to a server, or by starting `holdfast stdio`. */
export interface Ways {
  http: { url: string; headers?: Record<string, string> };
  stdio: { command: string; args: string[]; env?: Record<string, string> };
}

export type Way = keyof Ways;

/** A program whose servers are listed in a file. */
export interface ConfiguredProgram {
  title: string;
  /** Path of this user's file. */
  file(place: Place): string;
  format: "json" | "toml";
  /** Path of the list of servers in the file. */
  servers: string[];
  entry: { [W in Way]?: (way: Ways[W]) => object };
  /** Next step after writing. */
  then: string;
}

/** A program whose user types the address into a form. */
export interface ManualProgram {
  title: string;
  /** `url`: address for the program, if it is known. */
  steps(http: Ways["http"]): string[];
  /** True if the program connects from the internet. */
  needsPublicAddress?: true;
}

export interface Place {
  home: string;
  /** Folder for a user's settings on this system. */
  settings: string;
  env: Readonly<Record<string, string | undefined>>;
}

export function thisPlace(env: Place["env"], platform = process.platform): Place {
  const home = homedir();
  const settings =
    platform === "darwin"
      ? join(home, "Library", "Application Support")
      : platform === "win32"
        ? env["APPDATA"] || join(home, "AppData", "Roaming")
        : env["XDG_CONFIG_HOME"] || join(home, ".config");
  return { home, settings, env };
}

const vsCode = ({ settings }: Place): string => join(settings, "Code", "User");

const RESTART = "Restart it.";
const ANEW = "Restart it; its command /mcp lists the servers.";

/** Form of most programs. */
const MOST = { format: "json" as const, servers: ["mcpServers"] };

type Entry = ConfiguredProgram["entry"];
const AS_IT_IS: Entry = { http: (way) => way, stdio: (way) => way };
const TYPED: Entry = {
  http: (way) => ({ type: "http", ...way }),
  stdio: (way) => ({ type: "stdio", ...way }),
};
/** Form of Gemini CLI and its forks. */
const HTTP_URL: Entry = {
  http: ({ url, headers }) => ({ httpUrl: url, ...(headers && { headers }) }),
  stdio: (way) => way,
};

export const CONFIGURED: Readonly<Record<string, ConfiguredProgram>> = {
  "claude-code": {
    title: "Claude Code",
    file: ({ home, env }) => join(env["CLAUDE_CONFIG_DIR"] || home, ".claude.json"),
    ...MOST,
    entry: TYPED,
    then: ANEW,
  },
  "claude-desktop": {
    title: "Claude Desktop",
    file: ({ settings }) => join(settings, "Claude", "claude_desktop_config.json"),
    ...MOST,
    entry: { stdio: (way) => way },
    then: RESTART,
  },
  cline: {
    title: "Cline (in VS Code)",
    file: (place) =>
      join(
        vsCode(place),
        ...["globalStorage", "saoudrizwan.claude-dev", "settings", "cline_mcp_settings.json"],
      ),
    ...MOST,
    entry: { http: (way) => ({ type: "streamableHttp", ...way }), stdio: (way) => way },
    then: "It reads the file by itself.",
  },
  codex: {
    title: "Codex",
    file: ({ home, env }) => join(env["CODEX_HOME"] || join(home, ".codex"), "config.toml"),
    format: "toml",
    servers: ["mcp_servers"],
    entry: {
      http: ({ url, headers }) => ({ url, ...(headers && { http_headers: headers }) }),
      stdio: (way) => way,
    },
    then: ANEW,
  },
  continue: {
    title: "Continue",
    file: ({ home }) => join(home, ".continue", "mcpServers", "holdfast.json"),
    ...MOST,
    entry: {
      http: ({ url, headers }) => ({
        ...{ type: "streamable-http", url },
        ...(headers && { requestOptions: { headers } }),
      }),
      stdio: (way) => way,
    },
    then: "Reload it.",
  },
  cursor: {
    title: "Cursor",
    file: ({ home }) => join(home, ".cursor", "mcp.json"),
    ...MOST,
    entry: AS_IT_IS,
    then: "It asks whether to enable the server.",
  },
  "gemini-cli": {
    title: "Gemini CLI",
    file: ({ home }) => join(home, ".gemini", "settings.json"),
    ...MOST,
    entry: HTTP_URL,
    then: ANEW,
  },
  mcporter: {
    title: "mcporter",
    file: ({ home }) => join(home, ".mcporter", "mcporter.json"),
    ...MOST,
    entry: AS_IT_IS,
    then: "mcporter list holdfast shows its tools.",
  },
  opencode: {
    title: "OpenCode",
    file: ({ home, env }) =>
      join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "opencode", "opencode.json"),
    format: "json",
    servers: ["mcp"],
    entry: {
      http: (way) => ({ type: "remote", ...way, enabled: true }),
      stdio: ({ command, args, env }) => ({
        ...{ type: "local", command: [command, ...args], enabled: true },
        ...(env && { environment: env }),
      }),
    },
    then: RESTART,
  },
  "qwen-code": {
    title: "Qwen Code",
    file: ({ home }) => join(home, ".qwen", "settings.json"),
    ...MOST,
    entry: HTTP_URL,
    then: ANEW,
  },
  vscode: {
    title: "VS Code",
    file: (place) => join(vsCode(place), "mcp.json"),
    format: "json",
    servers: ["servers"],
    entry: TYPED,
    then: "MCP: List Servers starts it.",
  },
};

export const MANUAL: Readonly<Record<string, ManualProgram>> = {
  chatgpt: {
    title: "ChatGPT",
    needsPublicAddress: true,
    steps: ({ url }) => [
      "Settings > Connectors > Advanced: switch developer mode on, then create a connector.",
      `Address: ${url}`,
      "It sends no key: it opens this server's sign-in, which needs --public-url with https.",
      "Deep research calls only search and fetch: add tools=chatgpt to the address for it.",
    ],
  },
  "claude-ai": {
    title: "claude.ai",
    needsPublicAddress: true,
    steps: ({ url }) => [
      "Settings > Connectors: add a custom connector.",
      `Address: ${url}`,
      "It sends no key: it opens this server's sign-in, which needs --public-url with https.",
    ],
  },
  inspector: {
    title: "MCP Inspector",
    steps: ({ url, headers }) => [
      `npx @modelcontextprotocol/inspector --cli "${url}" --transport http${headerFlag(headers)} --method tools/list`,
    ],
  },
  "open-webui": {
    title: "Open WebUI",
    steps: ({ url, headers }) => [
      "Admin Settings > External Tools > Add Server, of the type MCP (Streamable HTTP).",
      `Address: ${url}`,
      "From a container 127.0.0.1 is the container itself: docs/clients.md says how the server is reached from there.",
      ...(headers === undefined ? [] : ["Bearer: the key."]),
    ],
  },
};

const headerFlag = (headers: Record<string, string> = {}): string =>
  Object.entries(headers)
    .map(([name, value]) => ` --header "${name}: ${value}"`)
    .join("");

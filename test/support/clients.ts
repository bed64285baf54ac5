// The clients that people have installed: the SDK's v1 and v2, in both eras, over HTTP and stdio, behind one face.
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
  type VersionNegotiationMode,
} from "@modelcontextprotocol/client";
import { StdioClientTransport as StdioV2 } from "@modelcontextprotocol/client/stdio";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as StdioV1 } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { onTestFinished } from "vitest";
import { cleanEnv, PROGRAM } from "./process.ts";

/** The v2 client speaks 2025-11-25 as `v2`; `auto` asks the server for the newest revision, `pinned` insists on it. */
export type ClientVersion = "v1" | "v2" | "auto" | "pinned";

export const VERSIONS: readonly ClientVersion[] = ["v1", "v2", "auto", "pinned"];

/** A client of 2026-07-28: no handshake, no session header. */
export const isModern = (version: ClientVersion): boolean =>
  version === "auto" || version === "pinned";

export interface ToolAnswer {
  text: string;
  data: Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- shapes are asserted, not typed
  isError: boolean;
  meta: Record<string, unknown>;
}

export interface TestClient {
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<ToolAnswer>;
  toolNames(): Promise<string[]>;
  tools(): Promise<Record<string, unknown>[]>;
  setLevel(level: "debug" | "info" | "error"): Promise<void>;
  /** Asks to hear of changes of these resources, as its era does it. */
  follow(...uris: string[]): Promise<Following>;
  /** The resources of the change notifications so far, in order. */
  readonly updates: readonly string[];
  /** Asks to hear of other tools; 2025-era clients need not ask. */
  followTools(): Promise<void>;
  /** The number of received tools/list_changed notifications. */
  readonly toolNews: number;
  /** The `Mcp-Session-Id`, over HTTP. */
  readonly id: string | undefined;
  /** The process at the other end, over stdio. */
  readonly pid: number | undefined;
  close(): Promise<void>;
}

export interface Following {
  /** 2026-07-28: how the stream ended: `local`, `graceful` or `remote`. */
  readonly ended?: Promise<string>;
  stop(): Promise<unknown>;
}

export interface CallOptions {
  onprogress?: (progress: { progress: number; message?: string | undefined }) => void;
  signal?: AbortSignal;
  timeout?: number;
}

export type Target = { url: string } | { stdio: readonly string[]; env?: Record<string, string> };

const INFO = { name: "test-client", version: "1.2.3" };
const CAPABILITIES = { capabilities: { elicitation: { form: {} }, roots: { listChanged: true } } };

const MODES: Record<Exclude<ClientVersion, "v1">, VersionNegotiationMode> = {
  v2: "legacy",
  auto: "auto",
  pinned: { pin: "2026-07-28" },
};

/** Connects a client; it is closed at the test's end. */
export async function connect(version: ClientVersion, target: Target): Promise<TestClient> {
  const updates: string[] = [];
  let toolNews = 0;
  const client = create(version, {
    onUpdate: (uri) => updates.push(uri),
    onTools: () => (toolNews += 1),
  });
  const transport = "url" in target ? http(version, target.url) : stdio(version, target);
  await (client as ClientV2).connect(transport);
  onTestFinished(() => client.close());
  return {
    updates,
    get toolNews() {
      return toolNews;
    },
    async followTools() {
      if (isModern(version)) await (client as ClientV2).listen({ toolsListChanged: true });
    },
    get id() {
      return "sessionId" in transport ? transport.sessionId : undefined;
    },
    get pid() {
      return "pid" in transport ? (transport.pid ?? undefined) : undefined;
    },
    async call(name, args = {}, options) {
      // The two versions differ in where the options go.
      const result =
        version === "v1"
          ? await (client as ClientV1).callTool({ name, arguments: args }, undefined, options)
          : await (client as ClientV2).callTool({ name, arguments: args }, options);
      return toAnswer(result as RawResult);
    },
    async toolNames() {
      return (await (client as ClientV2).listTools()).tools.map((tool) => tool.name);
    },
    async tools() {
      return (await (client as ClientV2).listTools()).tools;
    },
    async setLevel(level) {
      await (client as ClientV2).setLoggingLevel(level);
    },
    async follow(...uris) {
      const listener = client as ClientV2;
      if (isModern(version)) {
        const stream = await listener.listen({ resourceSubscriptions: uris });
        return { ended: stream.closed, stop: () => stream.close() };
      }
      for (const uri of uris) await listener.subscribeResource({ uri });
      return { stop: () => Promise.all(uris.map((uri) => listener.unsubscribeResource({ uri }))) };
    },
    close: () => client.close(),
  };
}

interface Ears {
  onUpdate(uri: string): void;
  onTools(): void;
}

function create(version: ClientVersion, { onUpdate, onTools }: Ears): ClientV1 | ClientV2 {
  if (version === "v1") {
    const client = new ClientV1(INFO, CAPABILITIES);
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) =>
      onUpdate(params.uri),
    );
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => onTools());
    return client;
  }
  const versionNegotiation = { mode: MODES[version] };
  const client = new ClientV2(INFO, { ...CAPABILITIES, versionNegotiation });
  client.setNotificationHandler("notifications/tools/list_changed", () => onTools());
  client.setNotificationHandler("notifications/resources/updated", ({ params }) =>
    onUpdate(params.uri),
  );
  return client;
}

/** By themselves both give up after two tries, and a busy machine may take longer than these to start a server again. */
const PATIENT = {
  reconnectionOptions: {
    ...{ initialReconnectionDelay: 1_000, maxReconnectionDelay: 30_000 },
    ...{ reconnectionDelayGrowFactor: 1.5, maxRetries: 50 },
  },
};

const http = (version: ClientVersion, url: string) =>
  version === "v1" ? new HttpV1(new URL(url), PATIENT) : new HttpV2(new URL(url), PATIENT);

function stdio(
  version: ClientVersion,
  target: { stdio: readonly string[]; env?: Record<string, string> },
) {
  const [command, ...args] = [...PROGRAM, "stdio", ...target.stdio];
  const options = {
    command: command!,
    args,
    env: cleanEnv(target.env),
    stderr: "inherit" as const,
  };
  return version === "v1" ? new StdioV1(options) : new StdioV2(options);
}

interface RawResult {
  content: { type: string; text?: string }[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
  _meta?: Record<string, unknown>;
}

const toAnswer = ({
  content,
  structuredContent = {},
  isError = false,
  _meta = {},
}: RawResult): ToolAnswer => ({
  text: content.map(({ text }) => text ?? "").join("\n"),
  data: structuredContent,
  isError,
  meta: _meta,
});

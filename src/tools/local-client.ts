// A client inside the process. It calls tools without a protocol, for the command line and for tests of tools.
import type {
  CallToolResult,
  InputRequiredResult,
  LoggingLevel,
  Tool as WireTool,
} from "@modelcontextprotocol/server";
import { LOCAL } from "../auth/principal.ts";
import type { Toolset } from "../config/toolsets.ts";
import { requestInfo } from "../definitions/request.ts";
import { newId } from "../lib/ids.ts";
import type { SessionTarget } from "../sessions/session.ts";
import { asked } from "./call-result.ts";
import type { ToolRegistry } from "./registry.ts";
import type { CallChannel } from "./session/context.ts";

/** A message that a tool sends before its result. */
export type ToolMessage =
  | { progress: number; total?: number | undefined; message?: string | undefined }
  | { level: LoggingLevel; data: unknown };

export interface LocalCallOptions {
  signal?: AbortSignal;
  /** A repeated call with the same key does not run twice. */
  requestKey?: string;
  /** Answers to an earlier round's input requests, and that round's state. */
  inputResponses?: Readonly<Record<string, unknown>>;
  requestState?: string;
  /** The call's `_meta`. */
  meta?: Readonly<Record<string, unknown>>;
  /** Receives what a tool of yours threw, in place of the log. */
  onThrow?(error: unknown): void;
  /** The reason why a tool cannot ask during this call: a question is then a failure, or a task that waits. */
  noQuestions?: string;
}

export class LocalClient {
  /** The messages in the order of their arrival. */
  readonly messages: ToolMessage[] = [];
  readonly #registry: ToolRegistry;
  readonly #target: SessionTarget | undefined;

  /**
   * `target` is the session of calls that name none.
   * @internal
   */
  constructor(registry: ToolRegistry, target: SessionTarget | undefined) {
    this.#registry = registry;
    this.#target = target;
  }

  listTools(): readonly WireTool[] {
    return this.#registry.wire;
  }

  /** The toolset of this tool; undefined for one that every list shows. */
  toolsetOf(name: string): Toolset | undefined {
    return this.#registry.toolsetOf(name);
  }

  /** The tool's result; a failure is a result with `isError`. @throws RequestError for an unknown tool */
  async call(
    name: string,
    args: object = {},
    options: LocalCallOptions = {},
  ): Promise<CallToolResult | InputRequiredResult> {
    const { onThrow, noQuestions } = options;
    const whose = { principal: LOCAL, target: this.#target, requestId: newId() };
    const caller = { ...whose, onThrow, noQuestions };
    const call = { caller, channel: this.#channel(options) };
    const result = await this.#registry.call(name, args, call);
    // It takes no tasks: it waits for their end.
    return asked(name, result, caller) as CallToolResult | InputRequiredResult;
  }

  #channel({
    signal,
    requestKey,
    inputResponses,
    requestState,
    meta,
  }: LocalCallOptions): CallChannel {
    return {
      client: undefined,
      request: requestInfo(meta, undefined),
      signal: signal ?? new AbortController().signal,
      progress: async (progress, total, message) =>
        void this.messages.push({ progress, total, message }),
      log: async (level, data) => void this.messages.push({ level, data }),
      requestKey,
      inputResponses,
      requestState: <T>() => requestState as T | undefined,
      taskSupport: "waits",
      closeStream: () => undefined,
    };
  }
}

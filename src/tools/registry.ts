// All tools of a server, and the one way to call them. Those from files may be exchanged while the server runs.
import {
  ProtocolError,
  ProtocolErrorCode,
  type CallToolResult,
  type InputRequiredResult,
  type StandardSchemaV1,
  type Tool as WireTool,
} from "@modelcontextprotocol/server";
import { scopeOf, type Scope } from "../auth/principal.ts";
import type { Asked, OpenedState, RequestStates } from "../protocol/request-state.ts";
import { toAppError, type AppError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { unstorable } from "../lib/json/storable.ts";
import { failureLevel, logFailure, type FailedCall } from "../telemetry/failures.ts";
import type { ToolsetName } from "../config/toolsets.ts";
import type { Caller } from "../sessions/session.ts";
import { requestOf } from "../protocol/request-state-use.ts";
import type { Logger } from "../telemetry/logger.ts";
import { parseArguments } from "./arguments.ts";
import { Catalogue, type Kind } from "../definitions/catalogue.ts";
import type { Call, CallChannel, OpenedSession } from "./session/context.ts";
import { ToolMistake } from "../definitions/mistake.ts";
import type { HeaderParameter } from "./header-parameters.ts";
import { onceOf, withRequestKey } from "./request-key.ts";
import { isQuestion } from "./results.ts";
import { fieldOf } from "../definitions/schema.ts";
import type { SessionServices } from "./session/session-handle.ts";
import { ToolLists } from "./tool-lists.ts";
import { asTool } from "../definitions/running.ts";
import type { Tool } from "./tool.ts";

/** In every result's `_meta`: the session that the call worked in. */
export const SESSION_META = "holdfast/session";
/** In the `_meta` of a tool error: its stable code. */
export const ERROR_META = "holdfast/error";

const TOOLS: Kind<Tool> = {
  label: "Tool",
  field: "name",
  keyOf: ({ name }) => name,
  // ChatGPT dictates plain names, which somebody's own tools may have had before.
  yields: ({ toolset }) => toolset === "chatgpt",
};

export const toolCatalogue = (builtIn: readonly Tool[]): Catalogue<Tool> =>
  Catalogue.of(TOOLS, builtIn);

export interface RegistryOptions {
  /** Whether `use` may be called later: clients are told at the beginning that the list can change. */
  changes?: boolean;
  /** What `list` shows to callers that choose nothing. */
  toolsets?: readonly ToolsetName[];
}

export class ToolRegistry {
  /** Whether `use` may be called later: clients are told at the beginning that the list can change. */
  readonly changes: boolean;
  /** The tools that are always there. */
  readonly fixed: Catalogue<Tool>;
  #all: Catalogue<Tool>;
  #lists: ToolLists;
  readonly #toolsets: readonly ToolsetName[];
  readonly #services: SessionServices;
  readonly #states: RequestStates;
  readonly #log: Logger;

  constructor(
    fixed: Catalogue<Tool>,
    services: SessionServices,
    states: RequestStates,
    log: Logger,
    { changes = false, toolsets = ["core"] }: RegistryOptions = {},
  ) {
    this.changes = changes;
    this.#toolsets = toolsets;
    this.fixed = this.#all = fixed;
    this.#lists = new ToolLists(fixed);
    this.#services = services;
    this.#states = states;
    this.#log = log;
  }

  /** As `tools/list` answers this caller, in the order of definition: it may call more, but nothing less. */
  list({ principal, toolsets = this.#toolsets }: Caller): readonly WireTool[] {
    return this.#lists.list(toolsets, scopeOf(principal));
  }

  /** All tools, in the order of definition. */
  get wire(): readonly WireTool[] {
    return this.#all.wire;
  }

  /** From now on these. Calls that run go on with the tool that they began with. */
  use(all: Catalogue<Tool>): { changed: boolean } {
    const changed = JSON.stringify(all.wire) !== JSON.stringify(this.wire);
    this.#all = all;
    this.#lists = new ToolLists(all);
    return { changed };
  }

  has(name: string): boolean {
    return this.#all.get(name) !== undefined;
  }

  /** Whether a call of this tool waits on nothing outside the process. An unknown tool fails quickly too. */
  isQuick(name: unknown): boolean {
    return this.#all.get(name)?.quick ?? true;
  }

  /** Whether a call of this tool gives out what is stored, at once. */
  isReading(name: unknown): boolean {
    const tool = this.#all.get(name);
    return tool !== undefined && tool.quick && tool.annotations?.readOnlyHint === true;
  }

  /** The arguments of this tool that callers repeat in HTTP headers. */
  headerParameters(name: unknown): readonly HeaderParameter[] {
    return this.#all.get(name)?.headers ?? [];
  }

  /** What a caller of this tool must be allowed to do. An unknown tool does nothing at all. */
  scopeOf(name: unknown): Scope {
    return this.#all.get(name)?.scope ?? "read";
  }

  /** Whether a call that was cut short may simply be run again. */
  isIdempotent(name: unknown): boolean {
    const annotations = this.#all.get(name)?.annotations;
    return (annotations?.readOnlyHint || annotations?.idempotentHint) ?? false;
  }

  /**
   * Runs a tool. What goes wrong in it is a result with `isError`, written for a model.
   * @throws ProtocolError for an unknown tool or a wrong `requestState`; the signal's reason when the call was cancelled
   */
  async call(
    name: string,
    args: unknown,
    { caller, channel }: Pick<Call, "caller" | "channel">,
  ): Promise<CallToolResult | InputRequiredResult> {
    const tool = this.#all.get(name);
    if (tool === undefined) {
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `Unknown tool: ${name}. tools/list names the tools there are.`,
      );
    }
    const fault = unstorable("", args ?? {});
    if (fault !== undefined) return failure(fault, "invalid");
    const parsed = await parseArguments(tool.input, args);
    if (parsed.issues !== undefined)
      return failure(`Wrong arguments for ${name}:\n${faults(parsed.issues)}`, "invalid");
    const { principal } = caller;
    const asked = { principal, method: "tools/call", name, args, place: caller };
    let session: string | null = null;
    let opened: OpenedSession | undefined;
    try {
      const opening = await this.#openRound(asked, channel);
      const round = opening?.state as Carried | undefined;
      const input = withRequestKey(tool, parsed.input, channel.requestKey);
      const newSessionId = round?.session ?? newId();
      const isBuiltIn = this.#all.isBuiltIn(name);
      const once = onceOf({ ...tool, changesOnly: isBuiltIn }, input, channel.requestKey);
      const call: Call = {
        caller,
        channel: round ? { ...channel, requestState: <T>() => round.state as T } : channel,
        input,
        session: parsed.session,
        newSessionId,
        once,
        round: opening && {
          id: opening.id,
          request: requestOf(once?.key ?? channel.requestKey, {
            rpcId: caller.rpcId,
            responses: channel.inputResponses,
          }),
          session: round?.worked ?? null,
          repeatable: tool.takesRequestKey || this.isIdempotent(name),
        },
        services: this.#services,
        onSession(id, made) {
          [session, opened] = [id, made];
          caller.onSession?.(id);
        },
      };
      const result = await (isBuiltIn ? tool.run(call) : asTool(name, () => tool.run(call)));
      return isQuestion(result)
        ? await this.#nextRound(asked, result, { session: newSessionId, worked: session }, opening)
        : named(result, session, { opened, namesSession: tool.namesSession });
    } catch (error) {
      channel.signal.throwIfAborted();
      if (error instanceof ProtocolError) throw error;
      return this.#failed(tool, error, {
        tool: name,
        program: channel.client,
        principal: caller.principal.id,
        request: caller.requestId,
        args,
      });
    }
  }

  /** Tells a model what went wrong, and the log what a person must know of it. */
  #failed({ name }: Tool, error: unknown, call: FailedCall): CallToolResult {
    if (error instanceof ToolMistake) {
      const { field } = error;
      logFailure(this.#log, error, call, { level: "error", message: "a tool's mistake", field });
      return failure(
        `The tool ${name} has a mistake, which its author must mend: ${error.message}. Calling it again does not help.`,
        "internal",
      );
    }
    const known = toAppError(error, call.request);
    if (known.code !== "internal") {
      const level = failureLevel(known);
      if (level) logFailure(this.#log, known, call, { level, message: "a call failed" });
      return failure(known.advice, known.code);
    }
    const line = { message: "a tool threw", stack: true };
    const isOurs = this.#all.isBuiltIn(name);
    logFailure(this.#log, known.cause ?? known, call, {
      ...line,
      level: isOurs ? "error" : "warn",
    });
    if (isOurs) return failure(known.advice, known.code);
    return failure(
      `The tool ${name} failed. The server's log has the reason, under request ${call.request}.`,
      "internal",
    );
  }

  async #openRound(asked: Asked, { requestState }: CallChannel): Promise<OpenedState | undefined> {
    const sealed = requestState<string>();
    return sealed === undefined ? undefined : this.#states.open(asked, sealed);
  }

  async #nextRound(
    asked: Asked,
    result: InputRequiredResult,
    sessions: Pick<Carried, "session" | "worked">,
    after: OpenedState | undefined,
  ): Promise<InputRequiredResult> {
    const carried: Carried = { state: result.requestState, ...sessions };
    return { ...result, requestState: await this.#states.seal(asked, carried, after) };
  }
}

/** What is carried from round to round. */
interface Carried {
  /** The tool's own. */
  state: unknown;
  /** The id for a session that the call may have to open. */
  session: string;
  /** The session that the round worked in. */
  worked: string | null;
}

/**
 * With the session that the call worked in, and a text for clients that know no structured content. A session that the
 * call has opened is named in the text too: many programs show their model nothing else.
 */
function named(
  result: CallToolResult,
  session: string | null,
  { opened, namesSession }: { opened: OpenedSession | undefined; namesSession: boolean },
): CallToolResult {
  const { content, structuredContent, _meta } = result;
  const data =
    structuredContent === undefined
      ? undefined
      : { ...(namesSession && { session }), ...(structuredContent as object) };
  const texts: CallToolResult["content"] =
    content.length > 0 || !data ? content : [{ type: "text", text: JSON.stringify(data) }];
  return {
    ...result,
    content: opened && session !== null ? withOpened(texts, session, opened) : texts,
    ...(data && { structuredContent: data }),
    _meta: { [SESSION_META]: session, ..._meta },
  };
}

function withOpened(
  content: CallToolResult["content"],
  session: string,
  { name }: OpenedSession,
): CallToolResult["content"] {
  if (content.some((block) => block.type === "text" && block.text.includes(session)))
    return content;
  const which = name === null ? session : `${JSON.stringify(name)}, ${session}`;
  return [...content, { type: "text", text: `(This call opened the session ${which}.)` }];
}

/** What goes wrong with a call, as its result. */
export function failure(text: string, code: AppError["code"]): CallToolResult {
  const _meta = { [ERROR_META]: code, ...(code === "interrupted" && { interrupted: true }) };
  return { isError: true, content: [{ type: "text", text }], _meta };
}

/** One line a fault: the field and what was expected. */
const faults = (issues: readonly StandardSchemaV1.Issue[]): string =>
  issues.map((issue) => `- ${fieldOf(issue) || "arguments"}: ${issue.message}`).join("\n");

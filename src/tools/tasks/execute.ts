// Runs the handler of a task's tool, for the caller that began the task.
import { type CallToolResult, ProtocolError } from "@modelcontextprotocol/server";
import { inRun, may, NO_CREDENTIALS, principalOf, type Scope } from "../../auth/principal.ts";
import type { CredentialsLife } from "../../clients/client-access.ts";
import { requestInfo } from "../../definitions/request.ts";
import { AppError } from "../../lib/errors.ts";
import { byteLength, shortened } from "../../lib/text/text.ts";
import { RequestError, rpcErrorOf } from "../../protocol/errors.ts";
import type { Caller } from "../../sessions/session.ts";
import type { TaskRun } from "../../tasks/run.ts";
import type { TaskTools } from "../../tasks/runner.ts";
import { type ClaimedTask, failedWith, type TaskEnd } from "../../tasks/store.ts";
import { failure } from "../call-result.ts";
import type { ToolRegistry } from "../registry.ts";
import type { CallChannel } from "../session/context.ts";
import type { Origin, Rights } from "./origin.ts";

const MAX_RESULT_BYTES = 1_000_000;
const MAX_REASON_BYTES = 500;

export class TaskExecutor implements TaskTools {
  readonly #registry: () => ToolRegistry;
  readonly #life: CredentialsLife;

  /** `registry`: made later. `life`: the check that credentials are still valid. */
  constructor(registry: () => ToolRegistry, life: CredentialsLife) {
    this.#registry = registry;
    this.#life = life;
  }

  get taskTools(): readonly string[] {
    return this.#registry().taskTools;
  }

  isIdempotent(tool: string): boolean {
    return this.#registry().isIdempotent(tool);
  }

  async execute(task: ClaimedTask, run: TaskRun): Promise<TaskEnd> {
    try {
      await checkRights(task, this.#registry().scopeOf(task.tool), this.#life);
      await run.settleRound();
      return completed(await this.#call(task, run));
    } catch (error) {
      if (error instanceof ProtocolError) return failedWith(error);
      if (error instanceof RequestError) return failedWith(rpcErrorOf(error));
      if (error instanceof AppError && error.code === "forbidden")
        return failedWith(rpcErrorOf(error));
      throw error;
    }
  }

  #call(task: ClaimedTask, run: TaskRun): Promise<CallToolResult> {
    const origin = task.origin as Origin;
    const { sessionId } = task;
    const target = sessionId === null ? origin.target : { id: sessionId };
    const caller: Caller = {
      principal: inRun(principalOf(task.owner, origin), task.claim),
      ...(target !== null && { target }),
      requestId: task.claim.id,
      noQuestions: "it runs as a task",
    };
    const { responses = origin.inputResponses ?? undefined, state } = run.rounds();
    const channel: CallChannel = {
      client: origin.client ?? undefined,
      request: requestInfo(origin.meta, undefined),
      signal: run.signal,
      requestKey: undefined,
      inputResponses: responses,
      requestState: <T>() => (state ?? undefined) as T | undefined,
      progress: (progress, total, message) => run.report(progress, total, message),
      log: () => Promise.resolve(),
      closeStream: () => undefined,
    };
    const session = sessionId ?? undefined;
    const place = { session, newSessionId: origin.newSessionId };
    return this.#registry().runTask(task.tool, task.arguments, { caller, channel, run, place });
  }
}

/** @throws AppError `forbidden`: a key may be revoked, and a tool's scope raised */
export async function checkRights(
  { owner, origin }: Pick<ClaimedTask, "owner" | "origin">,
  wanted: Scope,
  life: CredentialsLife,
): Promise<void> {
  const rights = origin as Rights;
  const isAllowed = may(principalOf(owner, rights), wanted);
  if (isAllowed && (await life.stillHold(rights.credentials?.id ?? NO_CREDENTIALS))) return;
  throw new AppError("forbidden", "The credentials that began this task have ended.");
}

function completed(result: CallToolResult): TaskEnd {
  const text = JSON.stringify(result);
  if (byteLength(text) > MAX_RESULT_BYTES)
    return completed(
      failure(`The result has more than ${MAX_RESULT_BYTES} bytes, and cannot be kept.`, "limit"),
    );
  // A failed tool has completed its call, by the protocol: the message keeps people from taking it for done.
  const statusMessage = result.isError === true ? `Failed: ${reasonIn(result)}` : undefined;
  return { status: "completed", statusMessage, result: text };
}

/** The beginning of the first text. */
function reasonIn({ content }: CallToolResult): string {
  const text = content.find((block) => block.type === "text")?.text ?? "it gave no reason.";
  return shortened(text, MAX_REASON_BYTES, "…");
}

// The calls of tools whose calls may be tasks. A caller that takes tasks gets the task at once. Any other waits for its end and
// gets the result as of any tool; is asked the task's questions as a tool asks; and gets the task's id after a while.
import { type InputRequests, ProtocolError } from "@modelcontextprotocol/server";
import type { Clock } from "../../lib/clock.ts";
import { AppError, interruptedError, isAway } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import type { RpcError } from "../../protocol/errors.ts";
import type { Caller } from "../../sessions/session.ts";
import type { TaskRunner } from "../../tasks/runner.ts";
import { hasEnded, hasFailed, isInterrupted, type TaskView } from "../../tasks/task.ts";
import type { Tasks } from "../../tasks/tasks.ts";
import { ChangeWait } from "../../updates/changes.ts";
import { failure } from "../call-result.ts";
import { type Settled, TASK_META } from "../results.ts";
import type { CallChannel, TaskStart } from "../session/context.ts";
import { TASK_STATE } from "../session/with-session.ts";
import { canAnswer, checkAnswers, textOf } from "./answers.ts";
import { originOf } from "./origin.ts";
import { createdTask, missingTasks } from "./wire.ts";

export interface TaskCallsOptions {
  tasks: Tasks;
  runner: TaskRunner;
  clock: Clock;
  /** Time after which a caller that knows only tools gets the task's id, in milliseconds; `Infinity` for never. */
  afterMs: number;
  /** Lifetime of a task, in milliseconds; `Infinity` for ever. Never longer than that of its session. */
  ttlMs(): number;
}

/** A call of a tool, as it was sent. */
export interface Asked {
  tool: string;
  args: unknown;
  /** True for a tool with `output`, whose results clients check. */
  hasOutput: boolean;
  caller: Caller;
  channel: CallChannel;
}

export class TaskCalls {
  readonly #parts: TaskCallsOptions;

  constructor(parts: TaskCallsOptions) {
    this.#parts = parts;
  }

  /**
   * Begins a task, or goes on with that of an earlier round; resolves to the answer.
   * @throws ProtocolError, also as the end of the task; AppError
   */
  async begin(start: TaskStart, asked: Asked): Promise<Settled> {
    const { caller, channel } = asked;
    const { taskSupport } = channel;
    if (channel.requestState<{ [TASK_STATE]?: string }>()?.[TASK_STATE] === start.id)
      return this.#goOn(start, asked);
    if (start.mode === "required" && taskSupport === "refused")
      throw missingTasks(`${asked.tool} runs as a task, which`);
    const isKnown = start.isKeyed || start.as === "repeat";
    const there = isKnown ? await this.#earlier(start, caller) : undefined;
    if (there !== undefined) return this.#tell(there, start, asked);
    const answer = await start.prepare();
    if (answer !== undefined) return answer;
    const task = await this.#parts.runner.begin(
      {
        id: start.id,
        owner: caller.principal.id,
        sessionId: start.sessionId,
        tool: asked.tool,
        arguments: asked.args ?? {},
        origin: originOf(caller, channel, newId()),
        ttlMs: this.#parts.ttlMs(),
      },
      { waits: !start.isKeyed && !tellsAtOnce(start, asked) },
    );
    return this.#tell({ ...task, arguments: {}, questions: {} }, start, asked);
  }

  /**
   * The task that an earlier call with the same key or state has begun; undefined where a new one begins. Who was told of the
   * task gets its outcome, whatever it is. A failure that was told frees the key.
   * @throws AppError `interrupted` for a call whose process died, with its task
   */
  async #earlier({ id, as }: TaskStart, { principal }: Caller): Promise<TaskView | undefined> {
    const there = await this.#parts.tasks.find(id, principal.id);
    if (as === "repeat") {
      if (there === undefined) throw gone();
      return there;
    }
    if (there === undefined) return undefined;
    if (as === "recovery" && isInterrupted(there)) throw interruptedError();
    return hasFailed(there) ? undefined : there;
  }

  async #tell(task: TaskView, start: TaskStart, asked: Asked): Promise<Settled> {
    if (asked.channel.taskSupport === "taken") return createdTask(task);
    if (!tellsAtOnce(start, asked)) return this.#wait(start, asked);
    return hasEnded(task) ? endOf(task) : handedOver(task, asked);
  }

  /** A later round: the caller answers the task's questions. */
  async #goOn(start: TaskStart, asked: Asked): Promise<Settled> {
    const { tasks } = this.#parts;
    const { id: owner } = asked.caller.principal;
    const task = await tasks.find(start.id, owner);
    if (task === undefined) throw gone();
    const answers = await checkAnswers(task.questions, asked.channel.inputResponses ?? {});
    await tasks.answer(start.id, owner, answers);
    return this.#wait(start, asked);
  }

  async #wait({ id, signal, isKeyed, as }: TaskStart, asked: Asked): Promise<Settled> {
    const { tasks, clock, afterMs, runner } = this.#parts;
    const { caller, channel } = asked;
    const until = channel.taskSupport === "waits" ? Infinity : clock.monotonic() + afterMs;
    using change = new ChangeWait(tasks.news, { kind: "task", id });
    using _ = runner.awaits(id);
    try {
      for (;;) {
        const left = until - clock.monotonic();
        const answer = await this.#look(id, asked, left).catch((error: unknown) => {
          // The task goes on when the database is back: a caller that heard of the error would begin another one.
          if (!isAway(error) || left <= 0) throw error;
          return undefined;
        });
        if (answer !== undefined) return answer;
        await change.next(signal, left);
      }
    } catch (error) {
      // A keyed task is found again by its key, also after a restart; others know of one that was told.
      if (signal.aborted && as !== "repeat" && !(isKeyed && runner.isClosed))
        await tasks.cancel(id, caller.principal.id);
      throw error;
    }
  }

  /** The answer to a call that waits for the task, if there is one by now. */
  async #look(id: string, asked: Asked, leftMs: number): Promise<Settled | undefined> {
    const { tasks } = this.#parts;
    const { caller, channel } = asked;
    const task = await tasks.find(id, caller.principal.id);
    if (task === undefined) throw gone();
    if (hasEnded(task)) return endOf(task);
    const { progress, progressTotal, statusMessage } = task;
    if (progress !== null)
      await channel.progress(progress, progressTotal ?? undefined, statusMessage ?? undefined);
    if (Object.keys(task.questions).length > 0) return this.#ask(task, asked);
    if (leftMs > 0) return undefined;
    await tasks.handOver(id);
    return handedOver(task, asked);
  }

  /** Asks the caller as any tool does, if it can be asked. From here on the task is known to others than this call. */
  async #ask(task: TaskView, asked: Asked): Promise<Settled> {
    await this.#parts.tasks.handOver(task.id);
    const { client } = asked.channel;
    const isAskable =
      asked.caller.noQuestions === undefined &&
      (client === undefined || canAnswer(task.questions, client.capabilities));
    if (!isAskable) return handedOver(task, asked);
    return {
      resultType: "input_required",
      inputRequests: task.questions as InputRequests,
      requestState: { [TASK_STATE]: task.id } as never, // sealed by the registry
    };
  }
}

/** True if the caller gets the task's id at once. */
const tellsAtOnce = ({ mode }: TaskStart, { channel: { taskSupport } }: Asked): boolean =>
  taskSupport === "taken" || (mode === "required" && taskSupport !== "waits");

const gone = (): AppError =>
  new AppError("not_found", "The task is no longer there: it went with its session, or expired.");

/** @throws ProtocolError, AppError for a task without a result */
function endOf({ status, result, error }: TaskView): Settled {
  if (status === "completed") return result as Settled;
  if (status === "cancelled") return failure("This task was cancelled.", "interrupted");
  if (isInterrupted({ error })) throw interruptedError();
  const { code, message, data } = error as RpcError;
  throw new ProtocolError(code, message, data);
}

/** Tells a caller that knows only tools where to ask. */
function handedOver(
  { id, questions, statusMessage }: TaskView,
  { tool, hasOutput }: Asked,
): Settled {
  const names = Object.keys(questions);
  const asking = names.map((name) => `- ${name}: ${textOf(questions[name])}`);
  const text = [
    names.length > 0
      ? `${tool} waits for an answer, as task ${id}:\n${asking.join("\n")}\nAnswer with task_answer.`
      : `${tool} is still at work, as task ${id}${statusMessage === null ? "" : ` (${statusMessage})`}. It goes on by itself.`,
    `task_get with this id tells how far it is, and its result; task_cancel ends it. Do not call ${tool} again for this.`,
  ].join("\n");
  return {
    content: [{ type: "text", text }],
    // Programs refuse a result without the data that the tool's `output` promises, unless it is an error.
    ...(hasOutput && { isError: true }),
    _meta: { [TASK_META]: id },
  };
}

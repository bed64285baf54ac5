// Random programs of tasks on two processes that die: every task that was stored has one end, and no recorded step is done twice.
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { TaskNews } from "../../src/tasks/news.ts";
import type { TaskRun } from "../../src/tasks/run.ts";
import { TaskRunner, type TaskTools } from "../../src/tasks/runner.ts";
import type { ClaimedTask, TaskEnd, TaskStore } from "../../src/tasks/store.ts";
import { hasEnded } from "../../src/tasks/task.ts";
import { Tasks } from "../../src/tasks/tasks.ts";
import { ANA, newInstance, type Opened } from "../contract/engine.ts";
import { engines } from "../contract/engines.ts";

/** An operation of a handler. `hold` stays in its middle, the first time, until the process dies or the task is cancelled. */
type Op = "step" | "ask" | "try" | "sleep" | "checkpoint" | "hold";
type Command =
  | { kind: "create"; ops: Op[]; idempotent: boolean }
  | { kind: "answer" | "cancel"; task: number }
  | { kind: "kill"; node: number }
  | { kind: "advance" };

const op = fc.constantFrom<Op>("step", "ask", "try", "sleep", "checkpoint", "hold");
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("create" as const),
      ops: fc.array(op, { maxLength: 5 }),
      idempotent: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("answer" as const, "cancel" as const),
      task: fc.nat(9),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("kill" as const), node: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("advance" as const) }) },
);

const HOUR = 3_600_000;

/** Two processes on one storage. */
class World {
  readonly acknowledged: string[] = [];
  readonly #opened: Opened;
  readonly #news: TaskNews;
  readonly #tasks: Tasks;
  readonly #nodes: Node[] = [];
  /** Steps whose record is stored, and holds that were held. */
  readonly #recorded = new Set<string>();
  readonly #held = new Set<string>();
  /** What came of questions with a time. */
  readonly #tried = new Map<string, string>();
  /** Number of stored ends, by task. */
  readonly ends = new Map<string, number>();

  constructor(opened: Opened) {
    this.#opened = opened;
    this.#news = new TaskNews(opened.storage.changes);
    this.#tasks = new Tasks(opened.storage.tasks, this.#news);
  }

  async start(at: number): Promise<void> {
    this.#nodes[at] = new Node(await newInstance(this.#opened), this.#opened, this.#news, {
      store: this.#watched(),
      execute: (task, run, node) => this.#execute(task, run, node),
    });
  }

  async do(command: Command): Promise<void> {
    if (command.kind === "create") {
      const { ops, idempotent } = command;
      const task = {
        id: newId(),
        owner: ANA,
        sessionId: null,
        tool: idempotent ? "safe" : "risky",
      };
      const node = this.#nodes[this.acknowledged.length % 2]!;
      const stored = { ...task, arguments: ops, origin: {}, ttlMs: Infinity };
      await node.runner.begin(stored, { waits: false });
      this.acknowledged.push(task.id);
    } else if (command.kind === "kill") {
      await this.#nodes[command.node]!.die();
      await this.start(command.node);
    } else if (command.kind === "advance") this.#opened.clock.advance(HOUR);
    else {
      const id = this.acknowledged[command.task % Math.max(1, this.acknowledged.length)];
      if (id === undefined) return;
      if (command.kind === "cancel") {
        if ((await this.#tasks.cancel(id, ANA)) === "cancelled") this.#end(id);
      } else await this.#answer(id);
    }
    await this.quiet();
  }

  /** Answers all, lets all time pass and lets nothing be held, until every task has ended. */
  async finish(): Promise<void> {
    for (let round = 0; round < 30; round += 1) {
      const open = await this.#tasks.list({ owner: ANA, open: true, limit: 99 });
      if (open.length === 0) return;
      for (const { id } of open) await this.#answer(id);
      this.#opened.clock.advance(HOUR);
      for (const at of [0, 1])
        if (this.#nodes[at]!.holding > 0) await this.do({ kind: "kill", node: at });
      await this.quiet();
    }
  }

  async stop(): Promise<void> {
    for (const node of this.#nodes) await node.die();
  }

  async quiet(): Promise<void> {
    for (let calm = 0; calm < 5; calm += 1) {
      for (const { runner } of this.#nodes) await runner.looked();
      await nextTurn();
      if (this.#nodes.some((node) => node.runner.running.length > node.holding)) calm = -1;
    }
  }

  async #answer(id: string): Promise<void> {
    const task = await this.#tasks.find(id, ANA);
    const answers = Object.keys(task?.questions ?? {}).map((name) => [name, { name }]);
    await this.#tasks.answer(id, ANA, Object.fromEntries(answers) as Record<string, unknown>);
  }

  async #execute(task: ClaimedTask, run: TaskRun, node: Node): Promise<TaskEnd> {
    const ops = task.arguments as Op[];
    const handler = async (): Promise<TaskEnd> => {
      for (const [n, what] of ops.entries()) {
        const key = `${run.id} ${n}`;
        if (what === "step")
          await run.step(`${n}`, () => {
            if (this.#recorded.has(key)) throw new Error("A recorded step is done again.");
            return n;
          });
        else if (what === "ask") {
          const answer = await run.ask<{ name: string }>(`${n}`, { method: "roots/list" });
          expect(answer).toEqual({ name: `${n}` });
        } else if (what === "try") {
          const answer = await run.ask(`${n}`, { method: "roots/list" }, { timeoutMs: HOUR / 2 });
          // What one run has got, all later ones get.
          const got = answer === undefined ? "nothing" : "an answer";
          expect(this.#tried.get(key) ?? got).toBe(got);
          this.#tried.set(key, got);
        } else if (what === "sleep") await run.sleep(HOUR / 2);
        else if (what === "checkpoint") await run.checkpoint(n);
        else if (!this.#held.has(key)) {
          this.#held.add(key);
          await node.hold(run.signal);
        }
      }
      return { status: "completed", result: JSON.stringify(ops.length) };
    };
    return run.within(handler);
  }

  #watched(): TaskStore {
    const store = this.#opened.storage.tasks;
    return {
      ...store,
      record: async (claim, steps) => {
        const done = await store.record(claim, steps);
        if (done)
          for (const { kind, name, result } of steps)
            if (kind === "do" && result !== null) this.#recorded.add(`${claim.id} ${name}`);
        return done;
      },
      finish: async (claim, end) => {
        const done = await store.finish(claim, end);
        if (done) this.#end(claim.id);
        return done;
      },
      park: async (claim, until, answered) => {
        const done = await store.park(claim, until, answered);
        const task = done ? await store.find(claim.id) : undefined;
        if (task !== undefined && task.status === "cancelled") this.#end(claim.id);
        return done;
      },
    };
  }

  #end(id: string): void {
    this.ends.set(id, (this.ends.get(id) ?? 0) + 1);
  }
}

interface NodeParts {
  store: TaskStore;
  execute(task: ClaimedTask, run: TaskRun, node: Node): Promise<TaskEnd>;
}

/** A process, whose writes come to nothing once it has died. */
class Node {
  readonly runner: TaskRunner;
  holding = 0;
  readonly #id: string;
  readonly #opened: Opened;
  #dead = false;

  constructor(id: string, opened: Opened, news: TaskNews, { store, execute }: NodeParts) {
    this.#id = id;
    this.#opened = opened;
    const tools: TaskTools = {
      taskTools: ["safe", "risky"],
      isIdempotent: (tool) => tool === "safe",
      execute: (task, run) => execute(task, run, this),
    };
    const mortal = new Proxy(store, {
      get: (target, name: keyof TaskStore) =>
        ((...args: never[]) =>
          this.#dead
            ? new Promise(() => undefined)
            : (target[name] as (...all: never[]) => unknown)(...args)) as never,
    });
    this.runner = new TaskRunner({
      ...{ store: mortal, news, tools, clock: opened.clock, maxTasks: 1_000 },
      instance: { id, confirm: () => Promise.resolve() },
      onError: (error) => {
        if (!String(error).includes("was given up")) throw error;
      },
    });
    this.runner.open();
  }

  /** Stays here until the task is cancelled. */
  async hold(signal: AbortSignal): Promise<void> {
    this.holding += 1;
    try {
      await new Promise<void>((_, reject) => {
        if (signal.aborted) reject(signal.reason as Error);
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    } finally {
      this.holding -= 1;
    }
  }

  async die(): Promise<void> {
    await this.runner.looked();
    this.#dead = true;
    void this.runner.close(0);
    await this.#opened.storage.instances.remove(this.#id);
  }
}

it.each([
  ["SQLite in memory", 25],
  ["PostgreSQL", 4],
])("every task has one end, and no recorded step is done twice (%s)", async (engine, numRuns) => {
  const property = fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
    const opened = await engines[engine]!();
    const world = new World(opened);
    await world.start(0);
    await world.start(1);
    for (const one of commands) await world.do(one);
    await world.finish();
    for (const id of world.acknowledged) {
      const task = await opened.storage.tasks.find(id, ANA);
      expect(task && hasEnded(task), `${id} is ${task?.status}`).toBe(true);
      expect(world.ends.get(id), `the ends of ${id}`).toBe(1);
      const holds = (task!.arguments as Op[]).filter((what) => what === "hold");
      // Each hold may cost a run, and three lost runs in a row end a task.
      if (task!.status === "failed" && holds.length < 3) expect(task!.tool).toBe("risky");
      if (task!.status === "completed") expect(task!.result).toBe((task!.arguments as Op[]).length);
    }
    await world.stop();
    await opened.storage.close();
  });
  await fc.assert(property, { numRuns, endOnFailure: true });
});

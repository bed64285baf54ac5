// Callers of both eras that work in a session of their own and give their calls request keys; and a tool that tells how
// often it ran.
import { EventEmitter, once } from "node:events";
import { z } from "zod";
import { defineTool, type Tool } from "../../src/index.ts";
import { callModern, type ModernOptions } from "./modern.ts";
import { type CallAnswer, calling, introduce, type Json, read, rpc } from "./raw.ts";

export const REQUEST_KEY = "holdfast/request-key";

export interface KeyedCaller {
  /** The session that it works in. */
  readonly session: string;
  /** `key`: in `_meta`. */
  call(tool: string, args?: object, key?: unknown): Promise<CallAnswer>;
}

/** By era: a caller at this address, with a session of its own or the one that is told. */
export const eras: Record<string, (url: string, session?: string) => Promise<KeyedCaller>> = {
  async "2025-11-25"(url, session) {
    const client = await introduce(session === undefined ? url : `${url}?session=${session}`);
    return {
      session: session ?? (await client.session()),
      async call(name, args = {}, key) {
        const params = { name, arguments: args, ...(key !== undefined && { _meta: keyed(key) }) };
        return calling(await read(await client.post(rpc("tools/call", params, client.nextId()))));
      },
    };
  },
  async "2026-07-28"(url, session) {
    const id = session ?? ((await callModern(url, "session_open")).data["session"] as string);
    return {
      session: id,
      call: (name, args = {}, key) =>
        callModern(url, name, { session: id, ...args }, key === undefined ? {} : withKey(key)),
    };
  },
};

export const keyed = (key: unknown): Json => ({ [REQUEST_KEY]: key });

/** For `callModern`. */
export const withKey = (key: unknown, meta: object = {}): ModernOptions => ({
  meta: { ...keyed(key), ...meta },
});

const FAILED = { isError: true, content: [{ type: "text" as const, text: "It failed." }] };

/** A tool that waits until it is let go, or is cancelled. */
export class Worker {
  /** The number of runs that began. The task `fail` ends with an error. */
  runs = 0;
  /** The `task` of each run that was cancelled. */
  readonly cancelled: string[] = [];
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #open = Promise.withResolvers<void>();

  /** From here on nothing waits. */
  letGo(): void {
    this.#open.resolve();
  }

  /** Resolves when the n-th run has begun. */
  async begun(n: number): Promise<void> {
    while (this.runs < n) await once(this.#events, "change");
  }

  /** Resolves when the run of this task was cancelled. */
  async gaveUp(task: string): Promise<void> {
    while (!this.cancelled.includes(task)) await once(this.#events, "change");
  }

  tool(name: string): Tool {
    return defineTool({
      name,
      description: "Works until it is let go.",
      input: z.object({ task: z.string().default("any") }),
      handler: async ({ input: { task }, signal }) => {
        const run = ++this.runs;
        this.#events.emit("change");
        const { promise: gone, reject } = Promise.withResolvers<never>();
        signal.addEventListener("abort", () => {
          this.cancelled.push(task);
          this.#events.emit("change");
          reject(signal.reason as Error);
        });
        await Promise.race([this.#open.promise, gone]);
        return task === "fail" ? FAILED : { run };
      },
    });
  }
}

// The extension of tasks as it looks on the wire, with no SDK in between.
import { expect } from "vitest";
import { askModern, callModern } from "./modern.ts";
import type { Json } from "./raw.ts";

const EXTENSION = "io.modelcontextprotocol/tasks";
/** A client that takes tasks. */
export const TAKES_TASKS = { elicitation: { form: {} }, extensions: { [EXTENSION]: {} } };

export const DONE = ["completed", "failed", "cancelled"];
/** For `expect.poll`. */
export const SOON = { timeout: 60_000, interval: 20 };

/** A client of 2026-07-28 that declares the extension. */
export function taskClient(url: string, headers: Record<string, string> = {}) {
  const options = { capabilities: TAKES_TASKS, headers };
  const ask = async (method: string, params: object): Promise<Json> => {
    const { messages } = await askModern(url, method, params, {
      ...options,
      headers: { ...headers, "mcp-name": (params as { taskId: string }).taskId },
    });
    return messages.at(-1)!;
  };
  const get = async (taskId: string): Promise<Json> =>
    (await ask("tasks/get", { taskId }))["result"] as Json;
  return {
    ask,
    get,
    /** Begins a task; resolves to its id. */
    async begin(name: string, args: object = {}, meta: object = {}): Promise<string> {
      const { messages } = await callModern(url, name, args, { ...options, meta });
      const { result } = messages.at(-1)!;
      expect(result).toMatchObject({ resultType: "task", status: "working" });
      return result.taskId as string;
    },
    answer: (taskId: string, inputResponses: object) =>
      ask("tasks/update", { taskId, inputResponses }),
    cancel: (taskId: string) => ask("tasks/cancel", { taskId }),
    /** Resolves to the task as it is when its status is one of these. */
    async until(taskId: string, ...statuses: string[]): Promise<Json> {
      let task: Json = {};
      const status = async () => (task = await get(taskId))?.["status"];
      await expect.poll(status, SOON).toSatisfy((now: string) => statuses.includes(now));
      return task;
    },
  };
}

export const accept = (content: object) => ({ action: "accept", content });

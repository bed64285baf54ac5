// A server with tools that wait, to be killed in the middle of them. Started as a process: node fixture-server.ts FLAGS.
import { setTimeout as sleep } from "node:timers/promises";
import { inputRequired, inputResponse } from "@modelcontextprotocol/server";
import { z } from "zod";
import { createHoldfast, defineTool, type ToolContext } from "../../src/index.ts";

const input = z.object({ steps: z.int(), step_ms: z.int() });

/** Counts, and counts its runs in the session's state. */
const counter =
  (name: string) =>
  async (context: ToolContext<z.output<typeof input>>): Promise<string> => {
    const { input, session, progress, signal } = context;
    const runs = ((await session.state.get<number>(`${name} runs`)) ?? 0) + 1;
    await session.state.set(`${name} runs`, runs);
    for (let step = 1; step <= input.steps; step++) {
      await progress(step, input.steps);
      await sleep(input.step_ms, undefined, { signal });
    }
    return `counted to ${input.steps} in run ${runs}`;
  };

const tools = [
  defineTool({
    name: "count",
    description: "Counts slowly; safe to run again.",
    input,
    annotations: { idempotentHint: true },
    handler: counter("count"),
  }),
  defineTool({
    name: "count_once",
    description: "Counts slowly; not safe to run again.",
    input,
    handler: counter("count_once"),
  }),
  defineTool({
    name: "ask_model",
    description: "Asks the caller's own model.",
    input: z.object({ prompt: z.string() }),
    handler({ input, inputResponses }) {
      const answer = inputResponse(inputResponses, "model");
      if (answer.kind === "sampling")
        return `the model says ${JSON.stringify(answer.result.content)}`;
      const messages = [
        { role: "user" as const, content: { type: "text" as const, text: input.prompt } },
      ];
      return inputRequired({
        inputRequests: { model: inputRequired.createMessage({ messages, maxTokens: 10 }) },
      });
    },
  }),
  defineTool({
    name: "say",
    description: "Sends a log message beside the call.",
    input: z.object({ text: z.string() }),
    async handler({ input, log }) {
      await log("info", input.text);
      return "said";
    },
  }),
];

/** A data folder, or the address of a database. */
const [port, place] = process.argv.slice(2) as [string, string];
const where = place.startsWith("postgres://") ? { "database-url": place } : { "data-dir": place };
const running = await createHoldfast({ tools }).run("http", { port, ...where });
process.stdout.write(`listens on ${running.url}\n`);
process.on("SIGTERM", () => void running.stop());
await running.done;
process.exit(0);

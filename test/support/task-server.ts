// A server with tasks that stay in their middle for as long as their first run lives. Started as a process and killed there.
import { inputRequired } from "@modelcontextprotocol/server";
import { z } from "zod";
import { createHoldfast, defineTool } from "../../src/index.ts";
import { taskTools } from "./conformance-tasks.ts";

const forever = (): Promise<never> => new Promise(() => undefined);
const sure = inputRequired.elicit({ message: "Sure?", requestedSchema: z.object({}) });
const about = { description: "Runs.", session: "none", task: "optional" } as const;

const tools = [
  defineTool({
    ...{ ...about, name: "steps" },
    async handler({ task }) {
      const by = await task.step("a", () => task.attempt);
      if (task.attempt === 1) await forever();
      return `run ${task.attempt}, a by run ${by}`;
    },
  }),
  defineTool({
    ...{ ...about, name: "asks" },
    async handler({ task }) {
      await task.ask("sure", sure);
      return "answered";
    },
  }),
  defineTool({ ...about, name: "once", handler: forever }),
  defineTool({
    ...{ ...about, name: "prepared", handler: forever },
    prepare: ({ inputResponses }) =>
      inputResponses ? undefined : inputRequired({ inputRequests: { first: sure } }),
  }),
];

const [port, folder] = process.argv.slice(2) as [string, string];
const running = await createHoldfast({ tools: [...tools, ...taskTools] }).run("http", {
  port,
  "data-dir": folder,
});
process.stdout.write(`listens on ${running.url}\n`);

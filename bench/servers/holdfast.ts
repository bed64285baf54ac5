// Holdfast as it ships, with the benchmark's three tools that it lacks. Arguments: the data folder or the address of a database,
// the durability, and the maximum age of sessions if some shall expire.
import { z } from "zod";
import { createHoldfast, defineTool } from "../../src/index.ts";

const [place, durability = "full", maxAge = "never"] = process.argv.slice(2);

const echo = defineTool({
  name: "echo",
  description: "Echo",
  input: z.object({ text: z.string() }),
  session: "optional",
  response: "json",
  handler: ({ input }) => input.text,
});

const steps = defineTool({
  name: "steps",
  description: "Progress",
  input: z.object({ steps: z.number() }),
  session: "optional",
  async handler({ input, progress }) {
    for (let i = 1; i <= input.steps; i++) await progress(i);
    return "done";
  },
});

/** The same work as `echo`, as a task that its caller waits for. */
const echoTask = defineTool({
  name: "echo_task",
  description: "Echo",
  input: z.object({ text: z.string() }),
  session: "optional",
  response: "json",
  task: "optional",
  handler: ({ input }) => input.text,
});

const config = {
  ...(place!.startsWith("postgres://") ? { "database-url": place! } : { "data-dir": place! }),
  ...{ durability, port: 0, "log-level": "error" },
  "max-calls-per-minute": 900_000_000,
  "max-age": maxAge,
  // Clean up every second: sessions that the previous run has kept wait for one interval. There are more than a principal may have.
  ...(maxAge !== "never" && { "cleanup-interval": "1s", "max-sessions": 1_000_000 }),
};
const { url } = await createHoldfast({ tools: [echo, steps, echoTask], config }).run("http");
process.stdout.write(`listens on ${url}\n`);

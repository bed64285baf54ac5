// A program as a user of the library writes it: one tool of its own, over the transport named on the command line;
// over stdio in the session of a name, where one follows.
// The import is the package's own name, so that what package.json exports is tested too.
import { createHoldfast, defineTool } from "holdfast";
import { z } from "zod";

const rememberOrder = defineTool({
  name: "remember_order",
  description: "Remember what the customer ordered.",
  input: z.object({ item: z.string() }),
  async handler({ input, session }) {
    const orders = (await session.state.get<string[]>("orders")) ?? [];
    await session.state.set("orders", [...orders, input.item]);
    return `Noted: ${input.item}`;
  },
});

const [transport, folder, name] = process.argv.slice(2);
const holdfast = createHoldfast({ tools: [rememberOrder], config: { "data-dir": folder! } });
if (transport === "stdio") {
  const running = await holdfast.run("stdio", {
    target: name === undefined ? undefined : { name },
  });
  await running.done;
} else {
  const running = await holdfast.run("http", { port: 0 });
  process.stdout.write(`${running.url}\n`);
  process.once("SIGTERM", () => void running.stop());
  await running.done;
}

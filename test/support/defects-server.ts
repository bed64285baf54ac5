// A server with a tool and a resource that fail as nobody has foreseen: node defects-server.ts PORT FOLDER.
import { z } from "zod";
import { createHoldfast, defineResource, defineTool } from "../../src/index.ts";

/** As libraries throw them, with more hung on than anybody should see. */
const defect = (): Error =>
  Object.assign(new Error("the private reason"), { request: "the whole request" });

const broken = defineTool({
  name: "broken",
  description: "Fails.",
  input: z.object({}),
  session: "optional",
  handler() {
    throw defect();
  },
});
const resources = [
  defineResource({
    uriTemplate: "broken:{+what}",
    name: "broken",
    read() {
      throw defect();
    },
  }),
];

const [port, folder] = process.argv.slice(2);
const holdfast = createHoldfast({ tools: [broken], resources });
const running = await holdfast.run("http", { port: port!, "data-dir": folder! });
process.stdout.write(`listens on ${running.url}\n`);

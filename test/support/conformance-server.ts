// A server with the fixtures of the official conformance suite. Started as a process; the flag is the port.
import { createHoldfast } from "../../src/index.ts";
import { prompts, resources, tools } from "./conformance-fixtures.ts";

const running = await createHoldfast({ tools, resources, prompts }).run("http", {
  port: process.argv[2]!,
  ephemeral: true,
});
process.stdout.write(`listens on ${running.url}\n`);

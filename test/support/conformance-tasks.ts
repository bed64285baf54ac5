// The conformance suite's fixtures for tasks.
import { acceptedContent, inputRequired, ProtocolError } from "@modelcontextprotocol/server";
import { z } from "zod";
import { defineTool, type Tool } from "../../src/index.ts";
import { fixture } from "./conformance-input.ts";

const description = "Fixture for tasks";
const session = "optional";
const confirmation = z.object({ confirm: z.boolean() });
const name = z.object({ name: z.string() });

const { elicit } = inputRequired;

export const taskTools: Tool[] = [
  fixture({
    name: "greet",
    input: z.object({ name: z.string() }),
    handler: ({ input }) => `Hello, ${input.name}!`,
  }),
  defineTool({
    ...{ name: "slow_compute", description, session, task: "optional" },
    input: z.object({ seconds: z.number(), label: z.string().optional() }),
    async handler({ input, task }) {
      await task.sleep(input.seconds * 1_000);
      return `Computed ${input.label ?? "it"}.`;
    },
  }),
  defineTool({
    ...{ name: "failing_job", description, session, task: "required" },
    handler: () => {
      throw new Error("The job fails.");
    },
  }),
  defineTool({
    ...{ name: "protocol_error_job", description, session, task: "optional" },
    handler: () => {
      throw new ProtocolError(-32603, "The job ends with an error of the protocol.");
    },
  }),
  defineTool({
    ...{ name: "confirm_delete", description, session, task: "optional" },
    input: z.object({ filename: z.string() }),
    async handler({ input, task }) {
      const message = `Delete ${input.filename}?`;
      const answer = await task.ask("confirm", elicit({ message, requestedSchema: confirmation }));
      return answer.action === "accept" ? `Deleted ${input.filename}.` : "Nothing was deleted.";
    },
  }),
  defineTool({
    ...{ name: "multi_input", description, session, task: "optional" },
    async handler({ task }) {
      const answers = await Promise.all([
        task.ask("name", elicit({ message: "Your name?", requestedSchema: name })),
        task.ask("confirm", elicit({ message: "Sure?", requestedSchema: confirmation })),
      ]);
      return answers.map(({ action }) => action).join(", ");
    },
  }),
  defineTool({
    ...{ name: "test_tool_with_task", description, session, task: "required" },
    prepare({ inputResponses }) {
      if (acceptedContent(inputResponses, "user_name", name)) return undefined;
      const user_name = elicit({ message: "Your name?", requestedSchema: name });
      return inputRequired({ inputRequests: { user_name } });
    },
    handler: ({ inputResponses }) =>
      `Hello, ${acceptedContent(inputResponses, "user_name", name)?.name}!`,
  }),
];

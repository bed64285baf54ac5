// The conformance suite's fixtures for 2026-07-28: tools and a prompt that ask their caller for input, and tools that
// look at what the caller declared.
import {
  acceptedContent,
  inputRequired,
  inputResponse,
  MissingRequiredClientCapabilityError,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { definePrompt, defineTool, type Tool, type ToolSpec } from "../../src/index.ts";

type NoArguments = z.ZodObject<Record<never, never>>;

/** A tool that runs without a session: in this era the suite never names one. */
export const fixture = <Input extends z.ZodObject = NoArguments>(
  spec: Omit<ToolSpec<Input, "optional">, "session" | "description">,
): Tool => defineTool({ ...spec, description: `Fixture ${spec.name}`, session: "optional" });

const name = z.object({ name: z.string() });
const color = z.object({ color: z.string() });
const confirmation = z.object({ ok: z.boolean() });
const context = z.object({ context: z.string() });

const { elicit, listRoots } = inputRequired;
const ask = (content: string, maxTokens: number) =>
  inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: content } }],
    maxTokens,
  });
const askName = elicit({ message: "What is your name?", requestedSchema: name });
const confirm = elicit({ message: "Please confirm", requestedSchema: confirmation });

/** Asks for a confirmation with a state, and completes with `done` when both are there. */
const confirms = (toolName: string, done: string): Tool =>
  fixture({
    name: toolName,
    handler({ inputResponses, requestState }) {
      const answer = acceptedContent(inputResponses, "confirm", confirmation);
      if (answer?.ok && requestState<string>() === "asked") return done;
      return inputRequired({ inputRequests: { confirm }, requestState: "asked" });
    },
  });

export const inputTools: Tool[] = [
  fixture({
    name: "test_input_required_result_elicitation",
    handler({ inputResponses }) {
      const answer = acceptedContent(inputResponses, "user_name", name);
      if (answer) return `Hello, ${answer.name}!`;
      return inputRequired({ inputRequests: { user_name: askName } });
    },
  }),
  fixture({
    name: "test_input_required_result_sampling",
    handler({ inputResponses }) {
      const answer = inputResponse(inputResponses, "capital_question");
      if (answer.kind === "sampling") return JSON.stringify(answer.result.content);
      return inputRequired({
        inputRequests: { capital_question: ask("What is the capital of France?", 100) },
      });
    },
  }),
  fixture({
    name: "test_input_required_result_list_roots",
    handler({ inputResponses }) {
      const answer = inputResponse(inputResponses, "client_roots");
      if (answer.kind === "roots") return answer.roots.map(({ uri }) => uri).join("\n");
      return inputRequired({ inputRequests: { client_roots: listRoots() } });
    },
  }),
  confirms("test_input_required_result_request_state", "state-ok"),
  confirms("test_input_required_result_tampered_state", "The state is what was sent."),
  fixture({
    name: "test_input_required_result_multiple_inputs",
    handler({ inputResponses, requestState }) {
      const user = acceptedContent(inputResponses, "user_name", name);
      const greeting = inputResponse(inputResponses, "greeting");
      const roots = inputResponse(inputResponses, "client_roots");
      const answered = user && greeting.kind === "sampling" && roots.kind === "roots";
      if (answered && requestState<string>() === "asked for three") {
        return `${user.name}: ${JSON.stringify(greeting.result.content)}, ${roots.roots.length} roots`;
      }
      return inputRequired({
        inputRequests: {
          user_name: askName,
          greeting: ask("Generate a greeting", 50),
          client_roots: listRoots(),
        },
        requestState: "asked for three",
      });
    },
  }),
  fixture({
    name: "test_input_required_result_multi_round",
    handler({ inputResponses, requestState }) {
      const state = requestState<string>();
      const first = acceptedContent(inputResponses, "step1", name);
      const second = acceptedContent(inputResponses, "step2", color);
      if (state?.startsWith("name: ") && second) return `${state}, color: ${second.color}`;
      if (state === "step 1" && first) {
        const step2 = elicit({
          message: "Step 2: What is your favorite color?",
          requestedSchema: color,
        });
        return inputRequired({ inputRequests: { step2 }, requestState: `name: ${first.name}` });
      }
      const step1 = elicit({ message: "Step 1: What is your name?", requestedSchema: name });
      return inputRequired({ inputRequests: { step1 }, requestState: "step 1" });
    },
  }),
  fixture({
    name: "test_input_required_result_capabilities",
    handler({ inputResponses, client }) {
      if (inputResponses) return "Answered.";
      const clientCapabilities = client?.capabilities ?? {};
      const inputRequests = {
        ...(clientCapabilities.elicitation && { user_name: askName }),
        ...(clientCapabilities.sampling && { greeting: ask("Generate a greeting", 50) }),
        ...(clientCapabilities.roots && { client_roots: listRoots() }),
      };
      if (Object.keys(inputRequests).length === 0) return "The caller cannot be asked.";
      return inputRequired({ inputRequests });
    },
  }),
  fixture({
    name: "test_missing_capability",
    handler({ client }) {
      if (client?.capabilities.sampling) return "The caller has a model.";
      throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
    },
  }),
  fixture({
    name: "test_streaming_elicitation",
    async handler({ inputResponses, progress }) {
      await progress(1, 2);
      const answer = acceptedContent(inputResponses, "user_name", name);
      if (answer) return `Hello, ${answer.name}!`;
      return inputRequired({ inputRequests: { user_name: askName } });
    },
  }),
  fixture({
    name: "test_logging_tool",
    async handler({ log }) {
      await log("info", "Only for callers that asked for logs");
      await log("error", "However bad it is");
      return "Logged.";
    },
  }),
  fixture({
    name: "test_x_mcp_header",
    input: z.object({ region: z.string(), priority: z.int().optional() }),
    inputSchema: {
      type: "object",
      properties: {
        region: { type: "string", "x-mcp-header": "Region" },
        priority: { type: "integer", "x-mcp-header": "Priority" },
      },
      required: ["region"],
    },
    handler: ({ input }) => `Region: ${input.region}`,
  }),
];

export const inputPrompt = definePrompt({
  name: "test_input_required_result_prompt",
  description: "A prompt that asks its caller for a context",
  handler({ inputResponses }) {
    const answer = acceptedContent(inputResponses, "user_context", context);
    if (!answer) {
      const message = "What context should the prompt use?";
      const user_context = elicit({ message, requestedSchema: context });
      return inputRequired({ inputRequests: { user_context } });
    }
    return `Context: ${answer.context}`;
  },
});

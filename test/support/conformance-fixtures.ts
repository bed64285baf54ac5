// The fixtures that the official conformance suite asks for, written as a user of the library would write them.
import { setTimeout as sleep } from "node:timers/promises";
import {
  type CallToolResult,
  type ContentBlock,
  inputRequired,
  inputResponse,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { definePrompt, defineResource, type Tool } from "../../src/index.ts";
import { fixture, inputPrompt, inputTools } from "./conformance-input.ts";
import { taskTools } from "./conformance-tasks.ts";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

const embedded = {
  type: "resource" as const,
  resource: {
    uri: "test://embedded-resource",
    mimeType: "text/plain",
    text: "This is an embedded resource content.",
  },
};
const image = { type: "image" as const, data: PNG, mimeType: "image/png" };

/** A tool without arguments that answers with fixed content. */
const fixed = (name: string, content: CallToolResult["content"]): Tool =>
  fixture({ name, handler: () => ({ content }) });

/** A tool that asks its caller with a form and tells what came back. */
const elicits = (
  name: string,
  message: string,
  properties: Record<string, object>,
  required: string[] = [],
): Tool =>
  fixture({
    name,
    input: z.object({ message: z.string().optional() }),
    handler({ input, inputResponses }) {
      const answer = inputResponse(inputResponses, "form");
      if (answer.kind === "elicit") {
        return `Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content)}`;
      }
      const requestedSchema = { type: "object" as const, properties, required } as never;
      return inputRequired({
        inputRequests: {
          form: inputRequired.elicit({ message: input.message ?? message, requestedSchema }),
        },
      });
    },
  });

const text = { type: "string" };
const titles = (...values: string[]) =>
  values.map((value, i) => ({ const: value, title: `Choice ${i + 1}` }));

export const tools: Tool[] = [
  fixed("test_simple_text", [
    { type: "text", text: "This is a simple text response for testing." },
  ]),
  fixed("test_image_content", [image]),
  fixed("test_audio_content", [{ type: "audio", data: WAV, mimeType: "audio/wav" }]),
  fixed("test_embedded_resource", [embedded]),
  fixed("test_multiple_content_types", [
    { type: "text", text: "Multiple content types test:" },
    image,
    embedded,
  ]),
  fixture({
    name: "test_error_handling",
    handler() {
      throw new Error("This tool intentionally returns an error for testing");
    },
  }),
  fixture({
    name: "test_tool_with_logging",
    async handler({ log }) {
      for (const line of [
        "Tool execution started",
        "Tool processing data",
        "Tool execution completed",
      ]) {
        await log("info", line);
        await sleep(50);
      }
      return "Logged.";
    },
  }),
  fixture({
    name: "test_tool_with_progress",
    async handler({ progress }) {
      for (const done of [0, 50, 100]) {
        await progress(done, 100);
        await sleep(50);
      }
      return "Done.";
    },
  }),
  fixture({
    name: "json_schema_2020_12_tool",
    input: z.looseObject({}),
    inputSchema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      $defs: {
        address: {
          $anchor: "addressDef",
          type: "object",
          properties: { street: text, city: text },
        },
      },
      properties: {
        name: text,
        address: { $ref: "#/$defs/address" },
        contactMethod: { type: "string", enum: ["phone", "email"] },
        phone: text,
        email: text,
      },
      allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
      if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
      then: { required: ["phone"] },
      else: { required: ["email"] },
      additionalProperties: false,
    },
    handler: () => "ok",
  }),
  fixture({
    name: "test_sampling",
    input: z.object({ prompt: z.string() }),
    handler({ input, inputResponses }) {
      const answer = inputResponse(inputResponses, "model");
      if (answer.kind === "sampling")
        return `LLM response: ${JSON.stringify(answer.result.content)}`;
      return inputRequired({
        inputRequests: {
          model: inputRequired.createMessage({
            messages: [{ role: "user", content: { type: "text", text: input.prompt } }],
            maxTokens: 100,
          }),
        },
      });
    },
  }),
  elicits("test_elicitation", "Who are you?", { username: text, email: text }, [
    "username",
    "email",
  ]),
  elicits("test_elicitation_sep1034_defaults", "Check these", {
    name: { type: "string", default: "John Doe" },
    age: { type: "integer", default: 30 },
    score: { type: "number", default: 95.5 },
    status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
    verified: { type: "boolean", default: true },
  }),
  elicits("test_elicitation_sep1330_enums", "Choose", {
    untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
    titledSingle: { type: "string", oneOf: titles("value1", "value2", "value3") },
    legacyEnum: {
      type: "string",
      enum: ["opt1", "opt2", "opt3"],
      enumNames: ["One", "Two", "Three"],
    },
    untitledMulti: {
      type: "array",
      items: { type: "string", enum: ["option1", "option2", "option3"] },
    },
    titledMulti: { type: "array", items: { anyOf: titles("value1", "value2", "value3") } },
  }),
  fixture({
    name: "test_reconnection",
    async handler({ closeStream }) {
      await sleep(100);
      closeStream();
      await sleep(100);
      return "Reconnection test completed.";
    },
  }),
  ...inputTools,
  ...taskTools,
];

export const resources = [
  defineResource({
    uriTemplate: "test://template/{id}/data",
    name: "template",
    mimeType: "application/json",
    read: ({ variables: { id } }) => ({ id, templateTest: true, data: `Data for ID: ${id}` }),
  }),
  defineResource({
    uri: "test://static-text",
    name: "static-text",
    mimeType: "text/plain",
    read: () => "This is the content of the static text resource.",
  }),
  defineResource({
    uri: "test://static-binary",
    name: "static-binary",
    mimeType: "image/png",
    read: () => Buffer.from(PNG, "base64"),
  }),
  defineResource({
    uri: "test://watched-resource",
    name: "watched-resource",
    mimeType: "text/plain",
    read: () => "Watched resource content",
  }),
];

export const prompts = [
  definePrompt({
    name: "test_simple_prompt",
    description: "A prompt without arguments",
    handler: () => "This is a simple prompt for testing.",
  }),
  definePrompt({
    name: "test_prompt_with_arguments",
    description: "A prompt with two arguments",
    arguments: z.object({ arg1: z.string(), arg2: z.string() }),
    complete: {
      arg1: (value) => ["paris", "park", "party"].filter((word) => word.startsWith(value)),
    },
    handler: ({ args: { arg1, arg2 } }) => `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`,
  }),
  definePrompt({
    name: "test_prompt_with_embedded_resource",
    description: "A prompt with a resource in it",
    arguments: z.object({ resourceUri: z.string() }),
    handler: ({ args: { resourceUri: uri } }) => {
      const text = "Embedded resource content for testing.";
      const resource = { uri, mimeType: "text/plain", text };
      return [
        { role: "user", content: { type: "resource", resource } },
        "Please process the embedded resource above.",
      ];
    },
  }),
  definePrompt({
    name: "test_prompt_with_image",
    description: "A prompt with an image in it",
    handler: () => [
      { role: "user", content: image as ContentBlock },
      "Please analyze the image above.",
    ],
  }),
  inputPrompt,
];

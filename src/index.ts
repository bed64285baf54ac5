// The exports of `import … from "holdfast"`.
export {
  createHoldfast,
  testClient,
  type TestClient,
  type Holdfast,
  type HoldfastOptions,
  type Running,
} from "./holdfast.ts";
export type { Settings } from "./config/config.ts";
export { defineTool, type Tool, type ToolSpec } from "./tools/tool.ts";
export type { SessionPolicy, ToolContext, ToolResult } from "./tools/session/context.ts";
export { audio, image } from "./tools/content.ts";
export { withSession } from "./tools/session/with-session.ts";
export type { SessionHandle } from "./tools/session/session-handle.ts";
export type { SessionHistory, SessionState } from "./tools/session/session-parts.ts";
// For tools that ask the user something.
export { acceptedContent, inputRequired, inputResponse } from "@modelcontextprotocol/server";
export { AppError, type ErrorCode } from "./lib/errors.ts";
export {
  definePrompt,
  type Prompt,
  type PromptContext,
  type PromptSpec,
} from "./prompts/prompt.ts";
export type { PromptResult } from "./prompts/results.ts";
export {
  defineResource,
  type Resource,
  type ResourceContext,
  type ResourceResult,
  type ResourceSpec,
} from "./resources/resource.ts";

// Builds the offer of the MCP server for every era and transport: tools, prompts and resources, built-in ones first.
import type { ChatModel } from "../chat/model.ts";
import { once } from "../lib/once.ts";
import { RequestLog } from "../mcp/calls/request-log.ts";
import type { McpServerOptions } from "../mcp/server.ts";
import { skillResource } from "../mcp/skill.ts";
import type { Prompt } from "../prompts/prompt.ts";
import { promptCatalogue, PromptRegistry } from "../prompts/registry.ts";
import { sessionPrompts } from "../prompts/session-prompts.ts";
import { RequestStates } from "../protocol/request-state.ts";
import { SigningKeys } from "../protocol/signing-keys.ts";
import { resourceCatalogue, ResourceRegistry } from "../resources/registry.ts";
import type { Resource } from "../resources/resource.ts";
import { sessionResources } from "../resources/session-resources.ts";
import { why } from "../telemetry/failures.ts";
import { BUILT_IN_TASKS, chatTools } from "../tools/builtin/chat-tool.ts";
import { chatgptTools } from "../tools/builtin/chatgpt-tools.ts";
import { forkTool } from "../tools/builtin/fork-tool.ts";
import { historyTools } from "../tools/builtin/history-tools.ts";
import { searchTool } from "../tools/builtin/search-tool.ts";
import { sessionTools } from "../tools/builtin/session-tools.ts";
import { shareTools } from "../tools/builtin/share-tools.ts";
import { stateTools } from "../tools/builtin/state-tools.ts";
import { toolCatalogue, ToolRegistry } from "../tools/registry.ts";
import { taskTools } from "../tools/tasks/task-tools.ts";
import type { Tool } from "../tools/tool.ts";
import { VERSION } from "../version.ts";
import type { Data } from "./data.ts";
import type { Services } from "./services.ts";
import type { TaskParts } from "./tasks.ts";

/** Tools, prompts and resources that a program adds to the built-in ones. */
export interface Additions {
  tools?: readonly Tool[];
  resources?: readonly Resource[];
  prompts?: readonly Prompt[];
}

// Tools that are the same for all apps of a process, in the order of the list.
const beforeChat = once(() => [...shareTools(), ...stateTools(), ...historyTools(), searchTool()]);
const afterChat = once(() => [forkTool(), ...chatgptTools()]);

export function buildMcp(
  data: Data,
  services: Services,
  model: ChatModel,
  { access, calls }: Pick<TaskParts, "access" | "calls">,
  { tools = [], resources = [], prompts = [] }: Additions,
): McpServerOptions {
  const { config, clock, storage, metrics, log } = data;
  const states = new RequestStates(new SigningKeys(storage.signingKeys, clock));
  const registry = new ToolRegistry(
    toolCatalogue(() => [
      ...sessionTools(() => storage.maxAgeMs),
      ...beforeChat(),
      ...chatTools(model.models),
      ...afterChat(),
      ...taskTools(access),
    ]).with(tools),
    services,
    states,
    log,
    {
      ...{ changes: config.tools !== undefined, builtInTasks: BUILT_IN_TASKS },
      ...{ toolsets: config.toolset, tasks: calls },
    },
  );
  return {
    info: { name: "holdfast", title: "Holdfast", version: VERSION },
    registry,
    resources: new ResourceRegistry(
      resourceCatalogue(() => [...sessionResources(services), skillResource()]).with(resources),
      (mistake) => log.error(why(mistake), "a resource's mistake"),
    ),
    prompts: new PromptRegistry(
      promptCatalogue(() => sessionPrompts(services)).with(prompts),
      states,
      services.idempotentCalls,
    ),
    subscriptions: storage.subscriptions,
    tasks: access,
    requestLog: new RequestLog({ registry, metrics, log }),
  };
}

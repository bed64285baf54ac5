// The definitions that files add to a server's own.
import type { Catalogue } from "../definitions/catalogue.ts";
import { isPrompt, type Prompt } from "../prompts/prompt.ts";
import type { PromptRegistry } from "../prompts/registry.ts";
import type { ResourceRegistry } from "../resources/registry.ts";
import { isResource, type Resource } from "../resources/resource.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { isTool, type Tool } from "../tools/tool.ts";
import type { List } from "../updates/delivery.ts";

export interface Definitions {
  tools: readonly Tool[];
  prompts: readonly Prompt[];
  resources: readonly Resource[];
}

/** All exports of a module that are definitions or lists of definitions, each once. */
export function definitionsOf(module: Record<string, unknown>): Definitions {
  const exported = [...new Set(Object.values(module).flat())];
  return {
    tools: exported.filter(isTool),
    prompts: exported.filter(isPrompt),
    resources: exported.filter(isResource),
  };
}

export interface Registries {
  tools: ToolRegistry;
  prompts: PromptRegistry;
  resources: ResourceRegistry;
}

/** Definitions that belong together, such as those of one file. */
export interface Group {
  from: string;
  definitions: Definitions;
}

/** Reason why a group was left out. */
export interface Fault {
  from: string;
  reason: string;
}

/**
 * Add groups to the fixed definitions, in place of an earlier call's groups. A group with a fault is left out as a
 * whole.
 */
export function offer(
  { tools, prompts, resources }: Registries,
  groups: readonly Group[],
): { faults: Fault[]; changed: List[] } {
  const faults: Fault[] = [];
  let all: Offer = { tools: tools.fixed, prompts: prompts.fixed, resources: resources.fixed };
  for (const { from, definitions } of groups) {
    try {
      all = {
        tools: all.tools.with(definitions.tools),
        prompts: all.prompts.with(definitions.prompts),
        resources: all.resources.with(definitions.resources),
      };
    } catch (error) {
      faults.push({ from, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const outcomes: [List, { changed: boolean }][] = [
    ["tools", tools.use(all.tools)],
    ["prompts", prompts.use(all.prompts)],
    ["resources", resources.use(all.resources)],
  ];
  return { faults, changed: outcomes.flatMap(([list, { changed }]) => (changed ? [list] : [])) };
}

interface Offer {
  tools: Catalogue<Tool>;
  prompts: Catalogue<Prompt>;
  resources: Catalogue<Resource>;
}

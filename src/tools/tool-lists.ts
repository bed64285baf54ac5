// The lists that `tools/list` answers with, per choice of toolsets and per scope.
import type { Tool as WireTool } from "@modelcontextprotocol/server";
import { includes, type Scope } from "../auth/principal.ts";
import type { ToolsetName } from "../config/toolsets.ts";
import type { Catalogue } from "../definitions/catalogue.ts";
import type { Tool } from "./tool.ts";

export class ToolLists {
  readonly #tools: Catalogue<Tool>;
  readonly #choices = new Map<string, readonly Tool[]>();

  constructor(tools: Catalogue<Tool>) {
    this.#tools = tools;
  }

  /** The tools of these toolsets and of no toolset that the scope may call. */
  list(toolsets: readonly ToolsetName[], scope: Scope): readonly WireTool[] {
    const key = `${toolsets.join()} ${scope}`;
    const chosen = this.#choices.get(key) ?? this.#choose(toolsets, scope);
    this.#choices.set(key, chosen); // bounded by the number of choices
    const whole = (tool: Tool) => toolsets.includes("all") || !this.#tools.isBuiltIn(tool.name);
    return chosen.map((tool) => (whole(tool) ? tool.wire : slim(tool)));
  }

  #choose(toolsets: readonly ToolsetName[], scope: Scope): Tool[] {
    const all = toolsets.includes("all");
    // A call of a user's own tool may answer with a task, which its caller then has to be able to ask for.
    const own = this.#tools.items.some(
      ({ isTask, name }) => isTask && !this.#tools.isBuiltIn(name),
    );
    const shown = new Set<string>([...toolsets, ...(own ? ["tasks"] : [])]);
    return this.#tools.items
      .filter(({ toolset }) => all || toolset === undefined || shown.has(toolset))
      .filter((tool) => includes(scope, tool.scope));
  }
}

/** The tool without its output schema, which no model needs, except for ChatGPT's tools. */
function slim({ wire, toolset }: Tool): WireTool {
  if (toolset === "chatgpt") return wire;
  const { outputSchema: _, ...shown } = wire;
  return shown;
}

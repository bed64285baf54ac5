// The lists of tools that `tools/list` may answer with: of toolsets, and as far as a scope may call.
import type { Tool as WireTool } from "@modelcontextprotocol/server";
import { includes, type Scope } from "../auth/principal.ts";
import type { Catalogue } from "../definitions/catalogue.ts";
import type { ToolsetName } from "../config/toolsets.ts";
import type { Tool } from "./tool.ts";

export class ToolLists {
  readonly #tools: Catalogue<Tool>;
  readonly #lists = new Map<string, readonly WireTool[]>();

  constructor(tools: Catalogue<Tool>) {
    this.#tools = tools;
  }

  /** The tools of these toolsets, and those of no toolset, as far as the scope may call them. */
  list(toolsets: readonly ToolsetName[], scope: Scope): readonly WireTool[] {
    const key = `${toolsets.join()} ${scope}`;
    const list = this.#lists.get(key) ?? this.#select(toolsets, scope);
    this.#lists.set(key, list); // as many as there are choices: each is prepared once
    return list;
  }

  #select(toolsets: readonly ToolsetName[], scope: Scope): WireTool[] {
    const all = toolsets.includes("all");
    return this.#tools.items
      .filter(({ toolset }) => all || toolset === undefined || toolsets.includes(toolset))
      .filter((tool) => includes(scope, tool.scope))
      .map((tool) => (all || !this.#tools.isBuiltIn(tool.name) ? tool.wire : slim(tool)));
  }
}

/** Without the shape of its results, which no model needs; ChatGPT reads it. */
function slim({ wire, toolset }: Tool): WireTool {
  if (toolset === "chatgpt") return wire;
  const { outputSchema: _, ...shown } = wire;
  return shown;
}

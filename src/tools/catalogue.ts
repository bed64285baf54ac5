// Tools by name, with their order. It never changes; a call keeps the tool that it began with.
import type { Tool as WireTool } from "@modelcontextprotocol/server";
import { includes, type Scope } from "../auth/principal.ts";
import type { ToolsetName } from "../kernel/toolsets.ts";
import type { Tool } from "./tool.ts";

export class Catalogue {
  /** All of them, in the order of definition. */
  readonly wire: readonly WireTool[];
  readonly #tools: ReadonlyMap<unknown, Tool>;
  readonly #builtIn: ReadonlySet<string>;
  readonly #lists = new Map<string, readonly WireTool[]>();

  private constructor(tools: ReadonlyMap<unknown, Tool>, builtIn: ReadonlySet<string>) {
    this.#tools = tools;
    this.#builtIn = builtIn;
    this.wire = [...tools.values()].map(({ wire }) => wire);
  }

  static of(builtIn: readonly Tool[]): Catalogue {
    return new Catalogue(
      new Map(builtIn.map((tool) => [tool.name, tool])),
      new Set(builtIn.map(({ name }) => name)),
    );
  }

  /** With these tools of somebody's own. @throws TypeError for a name that is taken */
  with(tools: readonly Tool[]): Catalogue {
    const all = new Map(this.#tools);
    const builtIn = new Set(this.#builtIn);
    for (const tool of tools) {
      const { name } = tool;
      // ChatGPT dictates plain names, which somebody's own tools may have had before.
      if (builtIn.has(name) && all.get(name)?.toolset === "chatgpt") {
        builtIn.delete(name);
        all.delete(name);
      }
      if (builtIn.has(name))
        throw new TypeError(`Tool ${name}: name: a built-in tool has it; choose another one.`);
      if (all.has(name)) throw new TypeError(`Tool ${name}: name: two tools have it.`);
      all.set(name, tool);
    }
    return new Catalogue(all, builtIn);
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
    return [...this.#tools.values()]
      .filter(({ toolset }) => all || toolset === undefined || toolsets.includes(toolset))
      .filter((tool) => includes(scope, tool.scope))
      .map((tool) => (all || !this.isBuiltIn(tool.name) ? tool.wire : slim(tool)));
  }

  get(name: unknown): Tool | undefined {
    return this.#tools.get(name);
  }

  isBuiltIn(name: string): boolean {
    return this.#builtIn.has(name);
  }
}

/** Without the shape of its results, which no model needs; ChatGPT reads it. */
function slim({ wire, toolset }: Tool): WireTool {
  if (toolset === "chatgpt") return wire;
  const { outputSchema: _, ...shown } = wire;
  return shown;
}

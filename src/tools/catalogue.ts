// Tools by name, with their order. It never changes; a call keeps the tool that it began with.
import type { Tool as WireTool } from "@modelcontextprotocol/server";
import type { Tool } from "./tool.ts";

export class Catalogue {
  /** As `tools/list` answers, in the order of definition. */
  readonly wire: readonly WireTool[];
  readonly #tools: ReadonlyMap<unknown, Tool>;
  readonly #builtIn: ReadonlySet<string>;

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
    for (const tool of tools) {
      if (this.isBuiltIn(tool.name))
        throw new TypeError(`Tool ${tool.name}: name: a built-in tool has it; choose another one.`);
      if (all.has(tool.name)) throw new TypeError(`Tool ${tool.name}: name: two tools have it.`);
      all.set(tool.name, tool);
    }
    return new Catalogue(all, this.#builtIn);
  }

  get(name: unknown): Tool | undefined {
    return this.#tools.get(name);
  }

  isBuiltIn(name: string): boolean {
    return this.#builtIn.has(name);
  }
}

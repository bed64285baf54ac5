// Tools with their descriptions, prepared once. It never changes; a call keeps the tool that it began with.
import type { Tool as WireTool } from "@modelcontextprotocol/server";
import type { z } from "zod";
import { headerParameters, type HeaderParameter } from "./header-parameters.ts";
import { describe } from "./json-schema.ts";
import type { Tool } from "./tool.ts";

interface Prepared {
  tool: Tool;
  wire: WireTool;
  headers: readonly HeaderParameter[];
}

export class Catalogue {
  /** As `tools/list` answers, in the order of definition. */
  readonly wire: readonly WireTool[];
  readonly #prepared: ReadonlyMap<unknown, Prepared>;

  private constructor(prepared: ReadonlyMap<unknown, Prepared>) {
    this.#prepared = prepared;
    this.wire = [...prepared.values()].map(({ wire }) => wire);
  }

  static readonly empty = new Catalogue(new Map());

  /** @throws TypeError when two tools share a name, or a schema cannot be described */
  with(tools: readonly Tool[]): Catalogue {
    const all = new Map(this.#prepared);
    for (const tool of tools) {
      if (all.has(tool.name)) throw new TypeError(`Two tools are called ${tool.name}.`);
      all.set(tool.name, prepare(tool));
    }
    return new Catalogue(all);
  }

  get(name: unknown): Tool | undefined {
    return this.#prepared.get(name)?.tool;
  }

  /** The arguments of this tool that callers repeat in HTTP headers. */
  headerParameters(name: unknown): readonly HeaderParameter[] {
    return this.#prepared.get(name)?.headers ?? [];
  }
}

function prepare(tool: Tool): Prepared {
  const wire = toWire(tool);
  return { tool, wire, headers: headerParameters(tool.name, wire.inputSchema) };
}

const toWire = ({
  name,
  title,
  description,
  input,
  inputSchema,
  output,
  annotations,
}: Tool): WireTool => {
  const generated = jsonSchema(name, input, "input");
  const session = (generated.properties as Record<string, object>)["session"]!;
  return {
    name,
    title,
    description,
    inputSchema: inputSchema
      ? { ...inputSchema, properties: { ...inputSchema.properties, session } }
      : generated,
    ...(output && { outputSchema: jsonSchema(name, output, "output") }),
    annotations,
  } as WireTool;
};

function jsonSchema(tool: string, schema: z.ZodObject, io: "input" | "output") {
  try {
    return describe(schema, io);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TypeError(`Tool ${tool}: its ${io} has no JSON Schema: ${reason}`, { cause: error });
  }
}

// Arguments that 2026-07-28 clients repeat in HTTP headers: arguments whose schema has `x-mcp-header`.

/** One argument: its path, and the name in the header `Mcp-Param-{header}`. */
export interface HeaderParameter {
  header: string;
  path: readonly string[];
}

const KEYWORD = "x-mcp-header";
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TYPES = ["string", "integer", "boolean"];

/** @throws TypeError for an annotation that makes clients refuse the tool */
export function headerParameters(tool: string, inputSchema: object): HeaderParameter[] {
  const found: HeaderParameter[] = [];
  const visit = (schema: Record<string, unknown>, path: readonly string[]): void => {
    const header = schema[KEYWORD];
    if (header !== undefined) {
      const fault = faultOf(header, schema["type"], found);
      if (fault) throw new TypeError(`Tool ${tool}: ${KEYWORD} of ${path.join(".")}: ${fault}.`);
      found.push({ header: header as string, path });
    }
    for (const [name, child] of Object.entries(schema["properties"] ?? {})) {
      visit(child as Record<string, unknown>, [...path, name]);
    }
  };
  visit(inputSchema as Record<string, unknown>, []);
  if (occurrences(inputSchema) > found.length)
    throw new TypeError(`Tool ${tool}: ${KEYWORD} stands only on properties and their properties.`);
  return found;
}

/** The number of occurrences of the keyword anywhere in a schema. */
function occurrences(node: unknown): number {
  if (typeof node !== "object" || node === null) return 0;
  const own = !Array.isArray(node) && Object.hasOwn(node, KEYWORD) ? 1 : 0;
  return Object.values(node).reduce((sum: number, child) => sum + occurrences(child), own);
}

function faultOf(
  header: unknown,
  type: unknown,
  others: readonly HeaderParameter[],
): string | undefined {
  if (typeof header !== "string" || !TOKEN.test(header)) return "expected the name of a header";
  if (!TYPES.includes(type as string)) return `expected an argument of type ${TYPES.join(", ")}`;
  const taken = others.some((other) => other.header.toLowerCase() === header.toLowerCase());
  return taken ? `${header} is used twice` : undefined;
}

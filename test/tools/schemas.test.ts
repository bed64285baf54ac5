// The schemas of the built-in tools against what large model providers and hosts refuse: they refuse a whole request, with
// all its tools, for one keyword.
import { describe, expect, it } from "vitest";
import { TOOLSETS } from "../../src/config/toolsets.ts";
import { serveHere } from "../support/here.ts";
import { introduce, type Json } from "../support/raw.ts";

interface Limit {
  /** As a sentence about a schema. */
  says: string;
  source: string;
  broken(schema: Json, place: Place): boolean;
}

interface Place {
  root: boolean;
  /** The element of a list, or a property. */
  input: boolean;
}

const unknownToGemini = [
  ...["exclusiveMinimum", "exclusiveMaximum", "multipleOf", "const", "uniqueItems"],
  ...["patternProperties", "propertyNames", "not", "if", "$schema", "dependentRequired"],
  ...["contains", "unevaluatedProperties", "prefixItems", "contentEncoding"],
];

const KINDS = ["anyOf", "oneOf", "enum", "type"];

const LIMITS: readonly Limit[] = [
  {
    says: "has no keyword that Gemini's function declarations do not know",
    // Schema of the Gemini API: https://ai.google.dev/api/caching#Schema; as it is refused:
    // https://github.com/ahmadrosid/nakama/issues/292, https://github.com/pizza-bot-app/pizza-bot/issues/62,
    // https://github.com/zendev-sh/goai/pull/108, https://github.com/router-for-me/CLIProxyAPI/pull/2142
    source: "Gemini",
    broken: (schema) => unknownToGemini.some((word) => word in schema),
  },
  {
    says: "has one type, not a list of types",
    // `type` is one value of an enumeration: https://ai.google.dev/api/caching#Schema,
    // https://github.com/anomalyco/opencode/pull/43495
    source: "Gemini",
    broken: ({ type }) => Array.isArray(type),
  },
  {
    says: "has enumerations of text only",
    source: "Gemini", // https://github.com/weave-os/router/pull/65
    broken: ({ enum: values }) =>
      Array.isArray(values) && values.some((value) => typeof value !== "string"),
  },
  {
    says: "says what kind of value it is",
    // Typeless parameters: https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas; programs
    // send text for them.
    source: "OpenAI",
    broken: (schema) => !KINDS.some((word) => word in schema),
  },
  {
    says: "says of what kind the elements of an argument's list are",
    // https://github.com/microsoft/vscode/issues/246119, https://github.com/microsoft/vscode/issues/284536
    source: "VS Code",
    broken: ({ type, items }, { input }) => input && type === "array" && !items,
  },
  {
    says: "has no composition at its root",
    // https://github.com/anthropics/claude-code/issues/40075, https://github.com/anomalyco/opencode/issues/35516
    source: "Anthropic and OpenAI",
    broken: (schema, { root }) =>
      root && ["anyOf", "oneOf", "allOf"].some((word) => word in schema),
  },
  {
    says: "has no references and no allOf",
    // `$ref` anywhere: https://platform.claude.com/docs/en/managed-agents/self-hosted-sandboxes; allOf:
    // https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas
    source: "Anthropic and OpenAI",
    broken: (schema) => ["$ref", "$defs", "allOf"].some((word) => word in schema),
  },
  {
    says: "is not empty, and none of its parts is",
    source: "MCP Inspector",
    broken: (schema) =>
      [schema, ...Object.values(schema)].some(
        (part) => typeof part === "object" && Object.keys(part as object).length === 0,
      ),
  },
  {
    says: "does not say that nothing else may be there",
    source: "tokens: it is so anyway",
    broken: ({ additionalProperties }) => additionalProperties === false,
  },
  {
    says: "needs only properties that it has",
    source: "Gemini", // https://github.com/Kilo-Org/kilocode/pull/11955
    broken: ({ required = [], properties = {} }) =>
      (required as string[]).some((name) => !(name in (properties as object))),
  },
  {
    says: "has properties, and they have short plain names",
    // Empty ones: https://github.com/agno-agi/agno/issues/2112; names of at most 64 letters, digits, dots, dashes and
    // underscores: https://platform.claude.com/docs/en/managed-agents/self-hosted-sandboxes
    source: "Gemini and Anthropic",
    broken: ({ properties }, { input }) =>
      input &&
      properties !== undefined &&
      (Object.keys(properties as object).length === 0 ||
        Object.keys(properties as object).some((name) => !/^[\w.-]{1,64}$/.test(name))),
  },
];

/** A schema and all schemas in it, with the path to each. */
function* walk(schema: Json, path: string): Generator<[string, Json]> {
  yield [path, schema];
  for (const [name, child] of Object.entries((schema["properties"] ?? {}) as Json))
    yield* walk(child as Json, `${path}.${name}`);
  for (const word of ["items", "additionalProperties"])
    if (typeof schema[word] === "object") yield* walk(schema[word] as Json, `${path}.${word}`);
  for (const word of ["anyOf", "oneOf"])
    for (const [i, child] of ((schema[word] ?? []) as Json[]).entries())
      yield* walk(child, `${path}.${word}.${i}`);
}

/** With output schemas and without. */
async function listTools(): Promise<Json[]> {
  const { url } = await serveHere({
    config: { "model-url": "http://127.0.0.1:9/v1", model: "one", models: "two" },
  });
  const lists = ["all", TOOLSETS.join()].map(async (names) => {
    const answer = await (await introduce(`${url}?tools=${names}`)).ask("tools/list");
    return answer.messages[0]!["result"].tools as Json[];
  });
  return (await Promise.all(lists)).flat();
}

describe("every schema of the built-in tools", () => {
  let listed: Promise<Json[]> | undefined;
  const allTools = (): Promise<Json[]> => (listed ??= listTools());

  for (const { says, source, broken } of LIMITS) {
    it(`${says} (${source})`, async () => {
      const tools = await allTools();
      expect(tools.length).toBeGreaterThan(30);
      for (const { name, inputSchema, outputSchema } of tools) {
        for (const [root, input] of [
          [inputSchema, true],
          [outputSchema, false],
        ] as const) {
          if (root === undefined) continue;
          const wrong = [...walk(root as Json, name as string)].filter(([, schema]) =>
            broken(schema, { root: schema === root, input }),
          );
          expect(wrong).toEqual([]);
        }
      }
    });
  }

  it("belongs to a tool whose name every provider takes", async () => {
    // 64 characters of this alphabet, with no dot: https://platform.openai.com/docs/api-reference/chat/create
    for (const { name } of await allTools()) expect(name).toMatch(/^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/);
  });

  it("names all six kinds of JSON where a value may be any", async () => {
    const { value } = (await allTools()).find(({ name }) => name === "state_set")!["inputSchema"]
      .properties;
    const kinds = (value.anyOf as Json[]).flatMap(({ type, anyOf = [] }) =>
      type ? [type as string] : (anyOf as Json[]).map(({ type }) => type as string),
    );
    expect(kinds.toSorted()).toEqual(["array", "boolean", "null", "number", "object", "string"]);
  });
});

// `x-mcp-header` in the definition of a tool: clients refuse tools that use it wrongly, so such a tool is not served.
import { describe, expect, it } from "vitest";
import { createHoldfast, defineTool, type Tool } from "../../src/index.ts";

describe("x-mcp-header in a tool's definition", () => {
  const start = async (...properties: [string, object][]) => {
    const tool: Tool = defineTool({
      name: "annotated",
      description: "Has headers.",
      inputSchema: { type: "object", properties: Object.fromEntries(properties) },
      handler: () => "ok",
    });
    const holdfast = createHoldfast({
      tools: [tool],
      env: {},
      config: { ephemeral: true, port: 0 },
    });
    const running = await holdfast.run("http");
    await running.stop();
  };

  it.each<[string, [string, object][]]>([
    ["without a name", [["a", { type: "string", "x-mcp-header": "" }]]],
    ["that is no name of a header", [["a", { type: "string", "x-mcp-header": "a b" }]]],
    ["with a line break", [["a", { type: "string", "x-mcp-header": "a\r\nb" }]]],
    ["that is no text", [["a", { type: "string", "x-mcp-header": true }]]],
    ["on an object", [["a", { type: "object", "x-mcp-header": "A" }]]],
    ["on an array", [["a", { type: "array", "x-mcp-header": "A" }]]],
    ["on several types", [["a", { type: ["string", "null"], "x-mcp-header": "A" }]]],
    ["on no type", [["a", { "x-mcp-header": "A" }]]],
    ["on a number", [["a", { type: "number", "x-mcp-header": "A" }]]],
    ...["anyOf", "oneOf", "allOf"].map((word): [string, [string, object][]] => [
      `on an alternative (${word})`,
      [["a", { [word]: [{ type: "string", "x-mcp-header": "A" }, { type: "null" }] }]],
    ]),
    [
      "on a definition that is referred to",
      [
        ["a", { $ref: "#/properties/b/$defs/c" }],
        ["b", { type: "object", $defs: { c: { type: "string", "x-mcp-header": "A" } } }],
      ],
    ],
    ["on items", [["a", { type: "array", items: { type: "string", "x-mcp-header": "A" } }]]],
    [
      "used twice",
      [
        ["a", { type: "string", "x-mcp-header": "Same" }],
        ["b", { type: "object", properties: { c: { type: "string", "x-mcp-header": "sAME" } } }],
      ],
    ],
  ])("%s is refused before anything is served", async (_, properties) => {
    const refusal = expect(start(...properties)).rejects;
    await refusal.toThrow(TypeError);
    await expect(start(...properties)).rejects.toThrow(/annotated.*x-mcp-header/);
  });

  it("is accepted where it can be kept", async () => {
    await start(["a", { type: "integer", "x-mcp-header": "X-1!" }], ["b", { type: "string" }]);
  });
});

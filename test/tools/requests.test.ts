// What came with a call besides its arguments: `_meta` and HTTP headers, without what lets anybody in.
import { expect, it } from "vitest";
import type { RequestInfo } from "../../src/definitions/request.ts";
import { defineTool, testClient } from "../../src/index.ts";
import { serveHere } from "../support/here.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import { introduce, read, rpc } from "../support/raw.ts";

const KEEP = { "x-tenant": "reef", "accept-language": "nl" };
const SECRET = {
  ...{ authorization: "Bearer 1", cookie: "a=1", "proxy-authorization": "Basic 1" },
  ...{ "x-api-key": "1", "x-auth-token": "1", "x-forwarded-access-token": "1" },
  ...{ "cf-access-jwt-assertion": "1", "x-forwarded-client-cert": "1" },
};
const META = { "example.com/trace": { at: [1] } };

function looking() {
  const seen: RequestInfo[] = [];
  const tool = (name: string, response: "json" | "stream") =>
    defineTool({
      name,
      description: "Looks.",
      session: "optional",
      response,
      handler: ({ request }) => void seen.push(request),
    });
  return { seen, tools: [tool("look", "json"), tool("stare", "stream")] };
}

it.each(["look", "stare"])("both eras bring them to a tool, frozen (%s)", async (name) => {
  const { seen, tools } = looking();
  const { url } = await serveHere({ tools });
  const client = await introduce(url);
  const call = { name, arguments: {}, _meta: META };
  await read(await client.post(rpc("tools/call", call, 7), { ...KEEP, ...SECRET }));
  const message = modernRequest("tools/call", { name, arguments: {} }, { meta: META });
  await read(await postModern(url, message, { headers: { ...KEEP, ...SECRET } }));
  expect(seen).toHaveLength(2);
  for (const { meta, headers } of seen) {
    expect(meta).toMatchObject(META);
    expect(headers).toMatchObject(KEEP);
    for (const secret of [...Object.keys(SECRET), "mcp-session-id"])
      expect(headers).not.toHaveProperty(secret);
    expect(() => Object.assign(headers!, { a: "1" })).toThrow(TypeError);
    expect(() => (meta["example.com/trace"] as { at: number[] }).at.push(2)).toThrow(TypeError);
  }
});

it("without HTTP there are no headers", async () => {
  const { seen, tools } = looking();
  await using client = await testClient(tools);
  await client.call("look", {}, { meta: META });
  expect(seen[0]).toMatchObject({ meta: META, headers: undefined });
});

// The SDK's rule by which a server speaks 2026-07-28 on one transport: src/mcp/calls/shared-server.ts depends on it.
import {
  type JSONRPCMessage,
  PerRequestHTTPServerTransport,
  Server,
  type Transport,
} from "@modelcontextprotocol/server";
import { expect, it } from "vitest";
import { MODERN_VERSION } from "../../src/mcp/initialize.ts";

const CLASSIFICATION = { era: "modern", revision: MODERN_VERSION } as const;

/** A transport of the SDK's class; sends nothing. */
class PerRequest extends PerRequestHTTPServerTransport {
  override async send(): Promise<void> {}
}

/** The same, of no class of the SDK. */
const plain = (): Transport & { classification: typeof CLASSIFICATION } => ({
  classification: CLASSIFICATION,
  start: async () => undefined,
  send: async (_message: JSONRPCMessage) => undefined,
  close: async () => undefined,
});

/** The revision that a server speaks on the transport. */
async function spokenOn(transport: Transport): Promise<string | undefined> {
  const server = new Server(
    { name: "test", version: "1" },
    { supportedProtocolVersions: [MODERN_VERSION] },
  );
  await server.connect(transport);
  return server.getNegotiatedProtocolVersion();
}

it("a server speaks 2026-07-28 on a subclass of the SDK's transport per request, and on no other transport", async () => {
  const perRequest = new PerRequest({ classification: CLASSIFICATION });
  expect(await spokenOn(perRequest)).toBe(MODERN_VERSION);
  expect(await spokenOn(plain())).toBeUndefined();
});

// What a caller must be allowed to do for a message.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { highestScope, type Scope } from "../auth/principal.ts";
import type { ToolRegistry } from "../tools/registry.ts";

/** What the tool says for a call of it, `read` for everything else; the highest of a batch. */
export function neededScope(
  body: JSONRPCMessage | JSONRPCMessage[],
  registry: Pick<ToolRegistry, "scopeOf">,
): Scope {
  const scopes = [body]
    .flat()
    .map((message) =>
      "method" in message && message.method === "tools/call"
        ? registry.scopeOf(message.params?.["name"])
        : "read",
    );
  return highestScope(scopes) ?? "read";
}

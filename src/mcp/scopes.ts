// What a caller must be allowed to do for a message.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import type { Scope } from "../auth/principal.ts";
import type { ToolRegistry } from "../tools/registry.ts";

/** `write` for a call of a tool that may change something, `read` for everything else. */
export function neededScope(
  body: JSONRPCMessage | JSONRPCMessage[],
  registry: Pick<ToolRegistry, "onlyReads">,
): Scope {
  const writes = (message: JSONRPCMessage): boolean =>
    "method" in message &&
    message.method === "tools/call" &&
    !registry.onlyReads(message.params?.["name"]);
  return (Array.isArray(body) ? body.some(writes) : writes(body)) ? "write" : "read";
}

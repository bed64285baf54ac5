// The scope that each method and each route needs. Not here: who reaches a client by its id, and with it its questions,
// its streams and its end (../sessions/client-access.ts); what a scope may do in a session (../sessions/access.ts).
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { highestScope, type Scope } from "../auth/principal.ts";
import type { ToolRegistry } from "../tools/registry.ts";

/** Of requests and notifications of a client. `tool`: the tool that is called says it. */
export const METHOD_SCOPES: Readonly<Record<string, Scope | "tool">> = {
  initialize: "read",
  ping: "read",
  "server/discover": "read",
  "tools/list": "read",
  "tools/call": "tool",
  "resources/list": "read",
  "resources/templates/list": "read",
  "resources/read": "read",
  "resources/subscribe": "read",
  "resources/unsubscribe": "read",
  "subscriptions/listen": "read",
  "prompts/list": "read",
  "prompts/get": "read",
  "completion/complete": "read",
  "logging/setLevel": "read",
  "skills/list": "read",
  "skills/get": "read",
  "notifications/initialized": "read",
  "notifications/cancelled": "read",
  "notifications/progress": "read",
  "notifications/roots/list_changed": "read",
};

/** Of routes, whatever their message says besides. An answer to a question of the server needs its client. */
export const ROUTE_SCOPES = {
  "POST /mcp": "read",
  "GET /mcp": "read",
  "DELETE /mcp": "read",
  "GET /metrics": "metrics",
} as const satisfies Record<string, Scope>;

/** The scope of a whole POST: the highest of a batch. A method that is not there does nothing at all. */
export function neededScope(
  body: JSONRPCMessage | JSONRPCMessage[],
  registry: Pick<ToolRegistry, "scopeOf">,
): Scope {
  const scopes = [body].flat().map((message) => {
    const scope = "method" in message ? METHOD_SCOPES[message.method] : undefined;
    if (scope !== "tool") return scope ?? "read";
    return registry.scopeOf("params" in message ? message.params?.["name"] : undefined);
  });
  return highestScope([...scopes, ROUTE_SCOPES["POST /mcp"]])!;
}

/** For whoever handles a method. @throws Error for one without a scope */
export function checkDeclared(method: string): void {
  if (!Object.hasOwn(METHOD_SCOPES, method)) throw new Error(`${method} declares no scope.`);
}

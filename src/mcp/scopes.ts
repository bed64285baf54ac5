// The scope that each method and each route needs. Not here: access to a client by its id
// (../clients/client-access.ts), and a scope's rights in a session (../sessions/access.ts).
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { highestScope, type Scope } from "../auth/principal.ts";
import type { ToolRegistry } from "../tools/registry.ts";

/**
 * Scopes of a client's requests and notifications. `tool`: the called tool declares the scope. A task requires that of its tool
 * besides (../tools/tasks/task-access.ts).
 */
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
  "tasks/get": "read",
  "tasks/update": "read",
  "tasks/cancel": "read",
  "notifications/initialized": "read",
  "notifications/cancelled": "read",
  "notifications/progress": "read",
  "notifications/roots/list_changed": "read",
};

/** Scopes of routes, whatever the message needs besides. An answer to a server's request needs its client. */
export const ROUTE_SCOPES = {
  "POST /mcp": "read",
  "GET /mcp": "read",
  "DELETE /mcp": "read",
  "GET /metrics": "metrics",
} as const satisfies Record<string, Scope>;

/** The scope of a whole POST: the highest of its messages. An unknown method needs only `read`, as it does nothing. */
export function neededScope(
  messages: readonly JSONRPCMessage[],
  registry: Pick<ToolRegistry, "scopeOf">,
): Scope {
  const scopes: Scope[] = [ROUTE_SCOPES["POST /mcp"]];
  for (const message of messages) scopes.push(scopeOf(message, registry));
  return highestScope(scopes)!;
}

function scopeOf(message: JSONRPCMessage, registry: Pick<ToolRegistry, "scopeOf">): Scope {
  const scope = "method" in message ? METHOD_SCOPES[message.method] : undefined;
  if (scope !== "tool") return scope ?? "read";
  return registry.scopeOf("params" in message ? message.params?.["name"] : undefined);
}

/** Checks that a method with a handler declares its scope. @throws Error for a method without a scope */
export function checkDeclared(method: string): void {
  if (!Object.hasOwn(METHOD_SCOPES, method)) throw new Error(`${method} declares no scope.`);
}

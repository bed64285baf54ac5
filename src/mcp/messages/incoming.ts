// The HTTP request in the form that both eras take.
import type { Principal } from "../../auth/principal.ts";
import type { ToolsetName } from "../../config/toolsets.ts";
import type { SessionTarget } from "../../sessions/session.ts";

/** An HTTP request that has passed the guards. */
export interface Incoming {
  principal: Principal;
  /** Id of the request in the log. */
  requestId: string;
  headers: Headers;
  /** The session that the address names. */
  target: SessionTarget | undefined;
  /** The toolsets of the address: `?tools=`. */
  toolsets: readonly ToolsetName[] | undefined;
  /** The header `Mcp-Session-Id`. */
  clientId: string | undefined;
  /** The header `MCP-Protocol-Version`. */
  protocolVersion: string | undefined;
  /** True if the header `Accept` allows `text/event-stream`. */
  takesStream: boolean;
  /** The header `Last-Event-ID`. */
  lastEventId: string | undefined;
}

// What both eras are given of an HTTP request.
import type { Principal } from "../../auth/principal.ts";
import type { ToolsetName } from "../../config/toolsets.ts";
import type { SessionTarget } from "../../sessions/session.ts";

/** An HTTP request that has passed the guards. */
export interface Incoming {
  principal: Principal;
  /** Under which the log tells about it. */
  requestId: string;
  headers: Headers;
  /** From the address. */
  target: SessionTarget | undefined;
  /** From the address: `?tools=`. */
  toolsets: readonly ToolsetName[] | undefined;
  /** The header `Mcp-Session-Id`. */
  clientId: string | undefined;
  /** The header `MCP-Protocol-Version`. */
  protocolVersion: string | undefined;
  /** Whether the header `Accept` names streams. */
  takesStream: boolean;
  /** The header `Last-Event-ID`. */
  lastEventId: string | undefined;
}

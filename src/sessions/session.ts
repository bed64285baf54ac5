// The two concepts of the domain: a session is a conversation; a client is a program that has sent `initialize`.
import type { Principal, Scope } from "../auth/principal.ts";
import type { ToolsetName } from "../config/toolsets.ts";

/** A principal's access to a session: read it, change it, or own it. */
export type Access = "read" | "write" | "own";

/** A conversation. Times are milliseconds since 1970. */
export interface Session {
  id: string;
  owner: string;
  /** Name, unique among the owner's sessions. */
  name: string | null;
  title: string | null;
  /** System prompt for `chat`. */
  system: string | null;
  /** Pinned sessions never expire. */
  pinned: boolean;
  createdAt: number;
  lastActiveAt: number;
  /** Lifetime of a temporary session after its last activity, in milliseconds. */
  keepMs: number | null;
  /** The client that opened a temporary session, which ends with it; null if no client opened it. */
  openedBy: string | null;
  /** The access of the principal that asked; absent without a principal. */
  access?: Access;
}

export interface SessionCounts {
  messages: number;
  stateKeys: number;
  /** Number of clients that work in the session and are connected now. */
  connections: number;
}

/** A client program after its `initialize`; `id` is its `Mcp-Session-Id`. */
export interface Client {
  id: string;
  owner: string;
  /** `Credentials.id` of the credentials that initialized or took over the client; null in rows of earlier versions. */
  credentials: string | null;
  /** The scope of these credentials; null for an owner's rights. */
  scope: Scope | null;
  /** Id of the client's own session, even before the session exists. Unlike the client's id, it is shown to others. */
  ownSessionId: string;
  /** The session that the client works in, once there is one. */
  sessionId: string | null;
  name: string;
  version: string;
  protocolVersion: string;
  /** Capabilities from `initialize`. */
  capabilities: Record<string, unknown>;
  /** The whole `initialize` request, to rehydrate the client from. */
  initialize: Record<string, unknown>;
  /** Level of the last `logging/setLevel`. */
  logLevel: string | null;
  createdAt: number;
  lastSeenAt: number;
  /** End of the presence that a process has promised; renewed while the client is connected. */
  presentUntil: number;
  endedAt: number | null;
}

/** The session that a client's address names: `?session=ID`, `?name=NAME` or `/mcp/NAME`. */
export type SessionTarget = { id: string } | { name: string };

/** The origin of a call: the principal, the client (2025 era) and the address. */
export interface Caller {
  readonly principal: Principal;
  readonly client?: Client | undefined;
  readonly target?: SessionTarget | undefined;
  /** Id of the client row for a pipe, in either era. */
  readonly listenerId?: string | undefined;
  /** The toolsets that the address selects for `tools/list`. */
  readonly toolsets?: readonly ToolsetName[] | undefined;
  /** Id of the client's own session, if the client sends its id with each request. */
  readonly own?: string | undefined;
  /** The reason why the caller cannot be asked for input during a call; undefined if it can. */
  readonly noQuestions?: string | undefined;
  /** The JSON-RPC id of the client's request. */
  readonly rpcId?: string | number | undefined;
  /** Id of the call in the log. */
  readonly requestId?: string | undefined;
  /** Headers of the HTTP request; absent for a re-run. */
  readonly headers?: Headers | undefined;
  /** Called with each session whose content the answer may hold. */
  readonly onSession?: ((id: string) => void) | undefined;
  /** Called with what a user's own tool threw, in place of a line in the log. */
  readonly onThrow?: ((error: unknown) => void) | undefined;
}

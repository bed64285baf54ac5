// The two words of the domain: a session is a conversation; a client is what one `initialize` introduces.
import type { Principal, Scope } from "../auth/principal.ts";
import type { ToolsetName } from "../config/toolsets.ts";

/** What somebody may do with a session: see it, change it, or dispose of it. */
export type Access = "read" | "write" | "own";

/** A conversation. Times are milliseconds since 1970. */
export interface Session {
  id: string;
  owner: string;
  /** Unique among the owner's sessions. */
  name: string | null;
  title: string | null;
  /** System prompt for `chat`. */
  system: string | null;
  /** Pinned sessions never expire. */
  pinned: boolean;
  createdAt: number;
  lastActiveAt: number;
  /** Of a temporary session: how long it is kept since its last activity, in milliseconds. */
  keepMs: number | null;
  /** Of a temporary session: the client that it goes with, where one has opened it. */
  openedBy: string | null;
  /** What the principal who asked may do; absent in a row that nobody asked for. */
  access?: Access;
}

export interface SessionCounts {
  messages: number;
  stateKeys: number;
  /** Clients that work in it and are connected now. */
  connections: number;
}

/** A client program as it introduced itself; `id` is its `Mcp-Session-Id`. */
export interface Client {
  id: string;
  owner: string;
  /** `Credentials.id` of whoever introduced it, or came in their place; null in databases of earlier versions. */
  credentials: string | null;
  /** What these allow; null for what an owner may do. */
  scope: Scope | null;
  /** Id of the session that it has to itself, before there is one too. It is told to others; the client's own id is not. */
  ownSessionId: string;
  /** The session it works in, once there is one. */
  sessionId: string | null;
  name: string;
  version: string;
  protocolVersion: string;
  /** As declared in `initialize`. */
  capabilities: Record<string, unknown>;
  /** The whole `initialize` request, from which the client is rehydrated. */
  initialize: Record<string, unknown>;
  /** From the last `logging/setLevel`. */
  logLevel: string | null;
  createdAt: number;
  lastSeenAt: number;
  /** Until when a process has promised that it is connected; kept up while it is. */
  presentUntil: number;
  endedAt: number | null;
}

/** Which session a client's address asks for: `?session=ID`, `?name=NAME` or `/mcp/NAME`. */
export type SessionTarget = { id: string } | { name: string };

/** Where a call comes from: who calls, through which client (2025 era), with which address. */
export interface Caller {
  readonly principal: Principal;
  readonly client?: Client | undefined;
  readonly target?: SessionTarget | undefined;
  /** The client row that stands for its pipe, in either era. */
  readonly listenerId?: string | undefined;
  /** What the address asks of `tools/list`. */
  readonly toolsets?: readonly ToolsetName[] | undefined;
  /** Id of the session that the client has to itself, where it brings its id with each request. */
  readonly own?: string | undefined;
  /** Why the caller can be asked nothing while its call runs; undefined where it can. */
  readonly noQuestions?: string | undefined;
  /** The id that the client gave its request, where the call came by JSON-RPC. */
  readonly rpcId?: string | number | undefined;
  /** Under which the log tells about the call. */
  readonly requestId?: string | undefined;
  /** Of the HTTP request, where the call has come over HTTP just now. */
  readonly headers?: Headers | undefined;
  /** Told of each session whose words the answer may hold. */
  readonly onSession?: ((id: string) => void) | undefined;
}

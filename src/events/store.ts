// The port that keeps streams: the event log, the requests that are being worked on, and the outbox. An event's data
// is a JSON-RPC message as text. Every query names the client: another client's stream is not there.

import type { Expiring } from "../lib/expiring.ts";
import type { Credentials, Scope } from "../auth/principal.ts";

export type RequestId = string | number;

export interface StreamRecord {
  id: number;
  /** Names it in event ids. */
  publicId: number;
  kind: "request" | "standalone";
  lastSeq: number;
  /** Events up to this one have been pruned. */
  prunedSeq: number;
  finishedAt: number | null;
}

export interface StreamEvent {
  /** 1, 2, 3 … within its stream. */
  seq: number;
  /** Empty for what was said in a session that was deleted since: it is passed over. */
  data: string;
}

/** What is needed to run a request again. */
export interface NewRequest {
  id: RequestId;
  message: Record<string, unknown>;
  target: { id: string } | { name: string } | null;
  /** What the caller's credentials allowed; null for what an owner may do. */
  scope: Scope | null;
  /** By what the caller was let in; null where nobody was asked. */
  credentials: Credentials | null;
}

export interface OpenRequest extends NewRequest {
  clientId: string;
  owner: string;
  streamId: number;
  instanceId: string;
}

/** The event that ended a request; `finished` when it was the last that was awaited on its stream. */
export interface Ended {
  seq: number;
  finished: boolean;
}

export interface StreamStore extends Expiring {
  /**
   * A stream for the requests of one POST, and the requests as open, in one. Their ids differ from each other; the client
   * may have others of the same ids open, on other streams.
   */
  openRequests(
    clientId: string,
    instanceId: string,
    requests: readonly NewRequest[],
    /** A hash of the POST, by which one that is sent again is recognized. */
    posted: string,
  ): Promise<StreamRecord>;
  /** The streams of such POSTs whose answers have not been written whole to a connection, oldest first. */
  findUndelivered(clientId: string, posted: string): Promise<StreamRecord[]>;
  /** All of a finished stream has been written to a connection: its POST sent again is a new one. */
  delivered(streamId: number): Promise<void>;
  /** A standalone stream, empty. */
  openStandalone(clientId: string): Promise<StreamRecord>;
  /** Undefined when the stream is unknown, pruned, or another client's. */
  find(clientId: string, streamId: number): Promise<StreamRecord | undefined>;
  /** The same by the name that event ids give it. */
  findPublic(clientId: string, publicId: number): Promise<StreamRecord | undefined>;
  /**
   * Stores a message; resolves to its number. The oldest events beyond `maxEvents` go, at most a tenth of it late.
   * `instanceId`: of the process whose running requests say it. `sessions`: whose words the stream may hold from now on.
   * @throws AppError `not_found` when the stream is gone, `interrupted` when another process runs its requests now
   */
  append(
    streamId: number,
    data: string,
    maxEvents: number,
    instanceId?: string,
    sessions?: readonly string[],
  ): Promise<number>;
  /** The events behind `after`, in order. */
  events(streamId: number, after: number, limit: number): Promise<StreamEvent[]>;
  /**
   * Stores the answer to a request of this stream and retires it, in one; undefined when this process runs it no more.
   * `sessions`: as for `append`.
   */
  answer(
    streamId: number,
    requestId: RequestId,
    data: string,
    instanceId: string,
    sessions?: readonly string[],
  ): Promise<Ended | undefined>;
  /** Ends a request that gets no answer. */
  retire(streamId: number, requestId: RequestId): Promise<Ended | undefined>;
  /** Deletes the streams of a client that has ended, with its open requests. */
  deleteAll(clientId: string): Promise<void>;
  /**
   * Moves what waits in the client's outbox to the end of its stream; resolves to the stream's last number.
   * @throws AppError `not_found` when the stream is gone, or another client's
   */
  drain(clientId: string, streamId: number, maxEvents: number): Promise<number>;
  /** The streams of the instance's open requests. */
  streamsOf(instanceId: string): Promise<number[]>;
  /** Open requests of instances that are no more. */
  orphans(): Promise<OpenRequest[]>;
  /** Takes over an orphan; false when another process was faster. */
  adopt(request: OpenRequest, instanceId: string): Promise<boolean>;
  /** Notes that somebody is connected to these streams. */
  touch(streamIds: readonly number[]): Promise<void>;
}

// The port for streams: the event log, the open requests and the outbox. An event's data is a JSON-RPC message as
// text. Every query names the client, so another client's stream is unreachable.

import type { Credentials, Scope } from "../auth/principal.ts";
import type { Expiring } from "../lib/expiring.ts";
import type { EventBatch } from "./event-batch.ts";

export type RequestId = string | number;

export interface StreamRecord {
  /** Opaque. */
  id: string;
  /** The stream's id in event ids: at most 15 digits, which tell a client nothing of other streams. */
  publicId: string;
  kind: "request" | "standalone";
  lastSeq: number;
  /** Number of the last pruned event. */
  prunedSeq: number;
  finishedAt: number | null;
}

export interface StreamEvent {
  /** Number within the stream: 1, 2, 3 … */
  seq: number;
  /** The message; empty if its session was deleted since. Readers skip an empty event. */
  data: string;
}

/** The fields that are needed to run a request again. */
export interface NewRequest {
  id: RequestId;
  message: Record<string, unknown>;
  target: { id: string } | { name: string } | null;
  /** The scope of the caller's credentials; null for an owner's rights. */
  scope: Scope | null;
  /** The caller's credentials; null without authentication. */
  credentials: Credentials | null;
}

export interface OpenRequest extends NewRequest {
  clientId: string;
  owner: string;
  streamId: string;
  instanceId: string;
}

/** The event that ended a request; `finished` if the stream has no other pending request. */
export interface Ended {
  seq: number;
  finished: boolean;
}

export interface StreamStore extends Expiring {
  /**
   * Creates a stream for the requests of one POST, and stores them as open, in one operation. Their ids differ from
   * each other; the client may have other open requests with the same ids on other streams.
   */
  openRequests(
    clientId: string,
    instanceId: string,
    requests: readonly NewRequest[],
    /** A hash of the POST, which identifies the same POST when it is sent again. */
    posted: string,
  ): Promise<StreamRecord>;
  /** The streams of equal POSTs whose answers were not completely written to a connection, oldest first. */
  findUndelivered(clientId: string, posted: string): Promise<StreamRecord[]>;
  /** Records that a finished stream was completely written to a connection. The same POST is then a new one. */
  delivered(streamId: string): Promise<void>;
  /** Creates an empty standalone stream. */
  openStandalone(clientId: string): Promise<StreamRecord>;
  /** The stream; undefined when it is unknown, pruned, or another client's. */
  find(clientId: string, streamId: string): Promise<StreamRecord | undefined>;
  /** The stream by its public id, which event ids contain. */
  findPublic(clientId: string, publicId: string): Promise<StreamRecord | undefined>;
  /**
   * Stores messages and returns the number of the last. Numbers have no holes, whichever processes write to a stream. What one
   * process stores in a stream (`append`, `answer`, `retire`, `drain`) takes effect in the order of its calls, also of those
   * that nobody awaits: progress stays before the answer. The oldest events beyond `maxEvents` are pruned, with a delay of at most
   * a tenth. The write of a batch begins later, and takes what was added to it by then: all of it is stored, or nothing.
   * `instanceId` is the process that runs the requests. `sessions` are the sessions whose content the stream
   * may hold from now on.
   * @throws AppError `not_found` when the stream is gone, `interrupted` when another process runs its requests now, or they
   * have all ended
   */
  append(
    streamId: string,
    data: string | EventBatch,
    maxEvents: number,
    instanceId?: string,
    sessions?: readonly string[],
  ): Promise<number>;
  /** The next events after `after`, in order, without a hole; none at the end of the stream. */
  events(streamId: string, after: number): Promise<StreamEvent[]>;
  /**
   * Stores the answer to a request of this stream and retires the request, in one operation. Undefined when this
   * process no longer runs it. `sessions`: as for `append`.
   */
  answer(
    streamId: string,
    requestId: RequestId,
    data: string,
    instanceId: string,
    sessions?: readonly string[],
  ): Promise<Ended | undefined>;
  /** Ends a request without an answer. */
  retire(streamId: string, requestId: RequestId): Promise<Ended | undefined>;
  /**
   * Moves the client's outbox to the end of its stream; resolves to the stream's last number.
   * @throws AppError `not_found` when the stream is gone, or another client's
   */
  drain(clientId: string, streamId: string, maxEvents: number): Promise<number>;
  /** The streams of the instance's open requests. */
  streamsOf(instanceId: string): Promise<string[]>;
  /** Open requests of dead instances. */
  orphans(): Promise<OpenRequest[]>;
  /** Takes over an orphan; false if another process was faster. */
  adopt(request: OpenRequest, instanceId: string): Promise<boolean>;
  /** Marks these streams as connected now. */
  touch(streamIds: readonly string[]): Promise<void>;
}

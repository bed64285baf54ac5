// The port for the processes that use the data folder.

export interface Instance {
  id: string;
  host: string;
  pid: number;
  startedAt: number;
  heartbeatAt: number;
  /** True if the process serves HTTP. */
  serves: boolean;
}

/**
 * What an instance has begun: a chat turn of a session, a keyed call, the open requests of a stream, a task. The id is of
 * that.
 */
export interface Work {
  kind: "turn" | "call" | "stream" | "task";
  id: string;
}

export interface InstanceStore {
  /** The path of the database, which its processes have open; undefined in memory. */
  readonly file: string | undefined;
  /**
   * Registers the instance, or stores its heartbeat; true if it was not registered. Only a registered instance can begin
   * chat turns and idempotent calls.
   */
  heartbeat(instance: Instance): Promise<boolean>;
  list(): Promise<Instance[]>;
  /**
   * Takes a lease, or keeps it: true unless another instance has it. An instance has its leases until it is removed, so one that
   * was taken for dead finds out here.
   */
  claim(lease: string, id: string): Promise<boolean>;
  /** All that the instance has begun and not ended. */
  work(id: string): Promise<Work[]>;
  /** Leaves this work as if the instance had died: turns end, and any process may take over the calls and requests. */
  abandon(id: string, work: readonly Work[]): Promise<void>;
  /**
   * Removes the instance and ends its chat turns, whose questions become `interrupted`, in one operation. Resolves to the
   * number of these turns. With `heartbeatAt`, nothing happens if the instance has given another sign of life since then.
   */
  remove(id: string, heartbeatAt?: number): Promise<number>;
}

// The port for the processes that use the data folder.

export interface Instance {
  id: string;
  host: string;
  pid: number;
  startedAt: number;
  heartbeatAt: number;
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
   * Removes the instance and ends its chat turns, whose questions become `interrupted`, in one operation. Resolves to the
   * number of these turns. With `heartbeatAt`, nothing happens if the instance has given another sign of life since then.
   */
  remove(id: string, heartbeatAt?: number): Promise<number>;
}

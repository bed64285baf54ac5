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
  /** Registers the instance, or stores its heartbeat; true if it was not registered. */
  heartbeat(instance: Instance): Promise<boolean>;
  list(): Promise<Instance[]>;
  remove(id: string): Promise<void>;
}

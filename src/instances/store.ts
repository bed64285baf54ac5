// The port that knows which processes use the data folder.

export interface Instance {
  id: string;
  host: string;
  pid: number;
  startedAt: number;
  heartbeatAt: number;
}

export interface InstanceStore {
  /** The database's file, which its processes have open; undefined where it is none. */
  readonly file: string | undefined;
  /** Registers the instance, or notes that it lives; resolves to whether it was not registered. */
  heartbeat(instance: Instance): Promise<boolean>;
  list(): Promise<Instance[]>;
  remove(id: string): Promise<void>;
}

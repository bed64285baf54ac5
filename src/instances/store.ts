// The port that knows which processes use the data folder.

export interface Instance {
  id: string;
  host: string;
  pid: number;
  startedAt: number;
  heartbeatAt: number;
}

export interface InstanceStore {
  /** Registers the instance, or notes that it lives; one that was taken for dead is registered anew. */
  heartbeat(instance: Instance): Promise<void>;
  list(): Promise<Instance[]>;
  remove(id: string): Promise<void>;
}

// The port that every store of expiring rows offers to the cleanup job.

export interface Expiring {
  countExpired(): Promise<number>;
  /**
   * Deletes everything that has expired, with all it owns; resolves to the number of things. Other calls go on meanwhile. An
   * aborted deletion ends soon, and leaves the rest.
   */
  deleteExpired(signal?: AbortSignal): Promise<number>;
}

// What every store of things that expire offers the cleanup job.

export interface Expiring {
  countExpired(): Promise<number>;
  /** Deletes at most `limit`, with all they own; resolves to how many. */
  deleteExpired(limit: number): Promise<number>;
  /** Deletes at most `limit` rows that expired things own, so that these become cheap to delete; resolves to how many. */
  trimExpired?(limit: number): Promise<number>;
}

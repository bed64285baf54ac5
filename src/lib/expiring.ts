// The port that every store of expiring rows offers to the cleanup job.

export interface Expiring {
  countExpired(): Promise<number>;
  /** Delete at most `limit` things with all they own; resolves to their number. */
  deleteExpired(limit: number): Promise<number>;
  /**
   * Delete at most `limit` rows that expired things own, so that deleting the things is cheap; resolves to the number.
   */
  trimExpired?(limit: number): Promise<number>;
}

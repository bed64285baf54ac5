// Backups that an operator makes and takes along; the composition makes them.
import type { Principal } from "../auth/principal.ts";

export interface BackupFile {
  name: string;
  bytes: number;
  /** Milliseconds since 1970. */
  at: number;
}

export interface Backups {
  readonly folder: string;
  readonly isRunning: boolean;
  /** Why the last one was not made. */
  readonly fault: string | undefined;
  /** Begin one, unless one is being made. */
  make(): void;
  /** Newest first. */
  list(): Promise<readonly BackupFile[]>;
  /** End the one that is being made. */
  close(): Promise<void>;
  /** @throws AppError `not_found` */
  read(
    name: string,
    by: Principal,
  ): Promise<{ file: BackupFile; bytes: AsyncIterable<Uint8Array> }>;
}

// Backups that the console makes: the program's own `backup` command, in a process of its own. Copying here would open the
// database a second time, and its close would take the locks of this process along.
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { AuditAction } from "../auth/audit.ts";
import type { Principal } from "../auth/principal.ts";
import { type Config } from "../config/config.ts";
import { folderOf, serverOf } from "../config/data-place.ts";
import type { BackupFile, Backups } from "../console/backups.ts";
import { AppError } from "../lib/errors.ts";
import { DATED_BACKUP } from "../lib/files/target.ts";
import { systemReason } from "../lib/system-errors.ts";
import type { Storage } from "../storage/storage.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Dated backups that stay. */
const KEEP = 7;

export interface BackupParts {
  config: Config;
  /** Words that start this program; none where the process is another program's. */
  command: readonly string[];
  storage: Pick<Storage, "audit">;
  log: Logger;
}

/** Undefined without a data folder, or in another program's process. */
export function openBackups({ config, command, storage, log }: BackupParts): Backups | undefined {
  const data = folderOf(config);
  if (data === undefined || serverOf(config) !== undefined || command.length === 0)
    return undefined;
  return new OwnBackups(data, { command, storage, log });
}

class OwnBackups implements Backups {
  readonly folder: string;
  readonly #data: string;
  readonly #parts: Omit<BackupParts, "config">;
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  #fault: string | undefined;

  constructor(data: string, parts: Omit<BackupParts, "config">) {
    this.folder = join(data, "backups");
    this.#data = data;
    this.#parts = parts;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  make(): void {
    this.#running ??= this.#make().finally(() => (this.#running = undefined));
  }

  async list(): Promise<BackupFile[]> {
    const names = await readdir(this.folder).catch(() => []);
    const dated = names.filter((name) => DATED_BACKUP.test(name)).toSorted();
    const files = await Promise.all(
      dated.map(async (name) => {
        const found = await stat(join(this.folder, name)).catch(() => undefined);
        return found?.isFile() ? [{ name, bytes: found.size, at: found.mtimeMs }] : [];
      }),
    );
    return files.flat().toReversed();
  }

  async read(
    name: string,
    by: Principal,
  ): Promise<{ file: BackupFile; bytes: AsyncIterable<Uint8Array> }> {
    const file = (await this.list()).find((one) => one.name === name);
    if (file === undefined) throw new AppError("not_found", "There is no such backup any more.");
    await this.#parts.storage.audit.note({
      ...{ principal: by.id, subject: name, detail: null },
      action: "backup downloaded" satisfies AuditAction,
    });
    return { file, bytes: createReadStream(join(this.folder, name)) };
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #make(): Promise<void> {
    this.#fault = undefined;
    const [program, ...first] = this.#parts.command;
    try {
      await mkdir(this.folder, { recursive: true });
      await chmod(this.folder, 0o700);
      await promisify(execFile)(
        program!,
        [...first, "backup", this.folder, "--keep", `${KEEP}`, "--data-dir", this.#data, "--json"],
        { signal: this.#ending.signal },
      );
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      this.#fault = reasonOf(error);
      this.#parts.log.warn({ reason: this.#fault }, "a backup was not made");
    }
  }
}

/** What the command has said, without its name. */
function reasonOf(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  const said = stderr?.trim().replace(/^holdfast: /, "");
  return said === undefined || said === "" ? (systemReason(error) ?? message) : said;
}

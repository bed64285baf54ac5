// The folder of files that browsers bring in, each under the id of its task. A file outlives the process: it goes when its task
// has ended. Only this server reads it, so other nodes leave its task alone.
import { lstatSync } from "node:fs";
import { access, chmod, mkdir, readdir, rm, stat } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type DataSettings, folderOf, serverOf } from "../config/data-place.ts";
import { shownUrl } from "../config/database-url.ts";
import { AppError } from "../lib/errors.ts";
import { leaveToOwner } from "../lib/files/owner.ts";
import { fingerprint, isId, newId } from "../lib/ids.ts";
import { atFile } from "../lib/system-errors.ts";

/** Beginning of the names of imports, which no tool can have. */
export const IMPORT = "console import";
const ID_LENGTH = 36;

export class Uploads {
  readonly folder: string;
  /** The tool of the tasks whose files are here. */
  readonly tool: string;

  constructor(folder: string, tool: string) {
    this.folder = folder;
    this.tool = tool;
  }

  /** In the data folder; with PostgreSQL or without stored data, in the machine's folder for temporary files. */
  static of(settings: DataSettings): Uploads {
    const data = folderOf(settings);
    if (data !== undefined) return new Uploads(join(data, "uploads"), IMPORT);
    const server = serverOf(settings);
    if (server === undefined)
      return new Uploads(join(tmpdir(), `holdfast-uploads-${newId()}`), IMPORT);
    const user = process.geteuid?.() ?? "";
    const folder = join(
      tmpdir(),
      `holdfast-uploads-${user}-${short(fingerprint([shownUrl(server.url)]))}`,
    );
    return new Uploads(folder, `${IMPORT} @${short(fingerprint([hostname(), folder]))}`);
  }

  pathOf(id: string): string {
    return join(this.folder, id);
  }

  /** Beginning of the path of the temporary folders of a run. */
  spoolPrefixOf(id: string): string {
    return `${this.pathOf(id)}-`;
  }

  has(id: string): Promise<boolean> {
    return access(this.pathOf(id)).then(
      () => true,
      () => false,
    );
  }

  /** Makes the folder, for this user alone. @throws AppError that names it */
  async prepare(): Promise<void> {
    const { folder } = this;
    try {
      if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined)
        leaveToOwner(folder);
    } catch (error) {
      throw atFile(folder, error);
    }
    // In a folder of all users, somebody else may have been faster.
    const found = lstatSync(folder);
    const owners = [process.geteuid?.() ?? found.uid, lstatSync(dirname(folder)).uid];
    if (!found.isDirectory() || !owners.includes(found.uid)) throw notOurs(folder);
    if ((found.mode & 0o077) !== 0) await chmod(folder, 0o700);
  }

  /** Ids of the files and of the temporary folders, with the time of their last change. */
  async list(): Promise<{ id: string; changedAt: number }[]> {
    const names = await readdir(this.folder).catch(() => []);
    const found = await Promise.all(
      names
        .filter((name) => isId(name.slice(0, ID_LENGTH)))
        .map(async (name) => {
          const { mtimeMs } = (await stat(join(this.folder, name)).catch(() => undefined)) ?? {};
          return { id: name.slice(0, ID_LENGTH), changedAt: mtimeMs ?? 0 };
        }),
    );
    return found;
  }

  /** Removes the temporary folders that runs of the task have left; with its file, unless it is `kept`. */
  async remove(id: string, { kept }: { kept: boolean } = { kept: false }): Promise<void> {
    const names = await readdir(this.folder).catch(() => []);
    const own = names.filter((name) => name.startsWith(kept ? `${id}-` : id));
    await Promise.all(
      own.map((name) => rm(join(this.folder, name), { recursive: true, force: true })),
    );
  }

  /** Removes the folder with all that is in it. */
  async removeAll(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

const notOurs = (folder: string): AppError =>
  new AppError("storage", "The folder of uploads is a link, or somebody else's.", {
    file: folder,
    hint: "Its removal helps: the server makes it anew.",
  });

const short = (text: string): string => text.slice(0, 8);

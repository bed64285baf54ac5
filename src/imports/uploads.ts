// The folder of files that browsers bring in, each under the id of its task. A file outlives the process: it goes when its task
// has ended. A folder outside of the data folder has an id, which names it to nodes with other folders: they leave its tasks alone.
import { lstatSync } from "node:fs";
import {
  access,
  chmod,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
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
/** Name of the file with the folder's id. */
const ID_FILE = ".id";

export class Uploads {
  readonly folder: string;
  /** True if other nodes have such a folder of their own, under this path or another one. */
  readonly #isNodes: boolean;
  /** Id of the folder, once it is known. */
  #id: string | undefined;

  constructor(folder: string, { isNodes = false }: { isNodes?: boolean } = {}) {
    this.folder = folder;
    this.#isNodes = isNodes;
  }

  /** The tool of the tasks whose files are here; undefined while the folder has no known id, and so no file. */
  get tool(): string | undefined {
    if (!this.#isNodes) return IMPORT;
    return this.#id === undefined ? undefined : `${IMPORT} @${short(this.#id)}`;
  }

  /** In the data folder; with PostgreSQL or without stored data, in the machine's folder for temporary files. */
  static of(settings: DataSettings): Uploads {
    const data = folderOf(settings);
    if (data !== undefined) return new Uploads(join(data, "uploads"));
    const server = serverOf(settings);
    if (server === undefined) return new Uploads(join(tmpdir(), `holdfast-uploads-${newId()}`));
    const user = process.geteuid?.() ?? "";
    const folder = join(
      tmpdir(),
      `holdfast-uploads-${user}-${short(fingerprint([shownUrl(server.url)]))}`,
    );
    return new Uploads(folder, { isNodes: true });
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

  /** Finds what an earlier process has left of the folder's id. */
  async find(): Promise<void> {
    if (this.#isNodes) this.#id ??= await this.#readId();
  }

  /** Makes the folder, for this user alone, and its id: from then on `tool` is known. @throws AppError that names it */
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
    if (this.#isNodes) this.#id = await this.#makeId();
  }

  async #readId(): Promise<string | undefined> {
    const id = await readFile(join(this.folder, ID_FILE), "utf8").catch(() => "");
    return isId(id) ? id : undefined;
  }

  /** The folder's id: the one that stands there, else the one that this process knows, else a new one. @throws AppError */
  async #makeId(): Promise<string> {
    const there = await this.#readId();
    if (there !== undefined) return there;
    const [partial, file] = [this.pathOf(newId()), join(this.folder, ID_FILE)];
    try {
      await writeFile(partial, this.#id ?? newId(), { flag: "wx", mode: 0o600 });
      leaveToOwner(partial);
      try {
        await link(partial, file); // whole and once: another process may come at the same moment
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        if ((await this.#readId()) === undefined) await rename(partial, file); // a loss of power tore it
      }
      return (await this.#readId())!;
    } catch (error) {
      throw atFile(this.folder, error);
    } finally {
      await rm(partial, { force: true });
    }
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

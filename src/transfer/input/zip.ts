// ZIP archives, which have a list of their files: each is read when its turn comes.
import type { Readable } from "node:stream";
import type { Entry, ZipFile } from "yauzl";
import { AppError } from "../../lib/errors.ts";
import { byName, isReadable, MAX_FILES, tooMany, WEB_PAGE } from "./folders.ts";
import {
  type Advance,
  damaged,
  holdsNothing,
  type Input,
  opened,
  type Opened,
  type OnDisk,
  unusable,
} from "./opened.ts";

/** The files in an archive that may hold conversations. */
export async function* zipped(file: OnDisk, advance: Advance): AsyncGenerator<Input> {
  let archive: ZipFile | undefined;
  try {
    let entries: Entry[];
    try {
      archive = await openArchive(file.path);
      entries = await readableEntries(archive, file.isNamed);
    } catch (error) {
      yield unusable(file, error);
      return;
    }
    const isNamed = file.isNamed && archive.entryCount === 1;
    for (const entry of entries) {
      const open = openEntry(archive, entry, advance);
      const name = `${file.name}/${entry.fileName}`;
      const isGuess = WEB_PAGE.test(name);
      yield { ...{ name, path: undefined, isNamed, isPart: true, isGuess }, open };
    }
  } finally {
    archive?.close();
  }
}

const openEntry =
  (archive: ZipFile, entry: Entry, advance: Advance) => async (): Promise<Opened> => {
    // Count packed bytes, of which the progress is told.
    const rate = entry.compressedSize / Math.max(1, entry.uncompressedSize);
    const take = (count: number): void => advance(Math.floor(count * rate));
    return opened(await streamOf(archive, entry), take, damaged);
  };

/** @throws AppError `invalid` for a named archive without any readable file */
async function readableEntries(archive: ZipFile, isNamed: boolean): Promise<Entry[]> {
  if (archive.entryCount > MAX_FILES) throw tooMany();
  const found: Entry[] = [];
  try {
    for await (const entry of archive.eachEntry())
      if (isReadable(entry.fileName)) found.push(entry);
  } catch (error) {
    throw damaged(error);
  }
  if (found.length > 0 || !isNamed) return found.toSorted((a, b) => byName(named(a), named(b)));
  throw holdsNothing();
}

const named = ({ fileName }: Entry): { name: string } => ({ name: fileName });

async function openArchive(path: string): Promise<ZipFile> {
  const { openPromise } = (await import("yauzl")).default;
  try {
    return await openPromise(path, { autoClose: false, lazyEntries: true });
  } catch (error) {
    throw damaged(error);
  }
}

async function streamOf(archive: ZipFile, entry: Entry): Promise<Readable> {
  if (entry.isEncrypted())
    throw new AppError("invalid", "The archive is encrypted: unpack it first.");
  try {
    return await archive.openReadStreamPromise(entry);
  } catch (error) {
    throw damaged(error);
  }
}

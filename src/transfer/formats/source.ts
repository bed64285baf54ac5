// The files of an import, of any format. All are checked before anything is imported. Any fault refuses a Holdfast export;
// in other programs' files, unreadable parts are skipped and reported.
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "../../lib/errors.ts";
import { Faults, isOfInput } from "../faults.ts";
import type { Incoming, TransferLimits } from "../incoming.ts";
import { type Bytes, peek, toUtf8 } from "../input/bytes.ts";
import { inputsOf } from "../input/inputs.ts";
import { kindInWords } from "../input/kinds.ts";
import type { Input, Opened } from "../input/opened.ts";
import { type FileRecord, type Records, recordsOf } from "../input/records.ts";
import { isFields } from "../programs/fields.ts";
import { otherKindOf } from "../programs/others.ts";
import type { Program } from "../programs/program.ts";
import { isEmptyList, programOf, PROGRAMS, wrappedIn } from "../programs/programs.ts";
import { ForeignConversations } from "./foreign.ts";
import type { Format } from "./format.ts";
import { readHoldfastFile } from "./holdfast-file.ts";
import { type Skipped, whereOf } from "./skipped.ts";

export interface Source extends AsyncDisposable {
  sessions: Incoming[];
  /** Number of conversations without messages, which become no session. */
  empty: number;
  skipped: Skipped[];
  /** Number of replaced characters, which cannot be stored. */
  replaced: number;
}

export interface SourceOptions {
  format: Format;
  /** The owner of sessions from other programs' files. */
  owner: string;
  limits: TransferLimits;
  now: number;
  /** Refuses the files when a part would be skipped. */
  strict?: boolean | undefined;
  /** Called with the number of bytes read so far, and of all. It may throw to end the reading. */
  onBytes?: ((done: number, total: number) => void) | undefined;
  /** Ends the reading between two conversations of another program's file. */
  signal?: AbortSignal;
  /** Most bytes that packed files may hold. */
  maxUnpackedBytes?: number;
  /** Beginning of the path of the folder for temporary files. Default: in the system's. */
  spoolPrefix?: string;
}

const MAX_UNPACKED_BYTES = 8 * 1024 * 1024 * 1024;
/** Records that are looked at to find out the program. */
const MAX_BEGUN = 1_000;

/** Reads files, folders and archives. Dispose of the source to remove its temporary files. @throws AppError `invalid` with a line for each of the first faults */
export async function readSource(
  paths: readonly string[],
  { strict = false, ...options }: SourceOptions,
): Promise<Source> {
  const reading = new Reading(options);
  const { foreign, faults } = reading;
  try {
    const { onBytes = () => undefined } = options;
    const counted = (bytes: Bytes): Bytes => reading.counted(bytes);
    const store = (bytes: Bytes): Promise<string> => reading.store(bytes);
    for await (const input of inputsOf(paths, { onBytes, counted, store }))
      await reading.read(input, paths.length > 1 || !input.isNamed);
    const sessions = [...reading.own, ...foreign.sessions];
    // Refuse a file without any readable conversation: it probably has another format.
    if (strict || sessions.length === 0)
      for (const skipped of foreign.lost) faults.add(whereOf(skipped), skipped.reason);
    faults.check();
    if (sessions.length === 0 && foreign.empty === 0)
      throw new AppError("invalid", "There is no conversation in it.", { hint: HINT });
    const { empty, skipped } = foreign;
    const replaced = reading.replaced + foreign.replaced;
    return {
      ...{ sessions, empty, skipped, replaced },
      [Symbol.asyncDispose]: () => foreign.remove(),
    };
  } catch (error) {
    await foreign.remove();
    throw error;
  }
}

class Reading {
  readonly faults = new Faults();
  readonly foreign: ForeignConversations;
  /** Sessions of Holdfast's own files. */
  readonly own: Incoming[] = [];
  replaced = 0;
  /** Number of unpacked files, and of the bytes in packed ones. */
  #unpacked = 0;
  #unpackedBytes = 0;
  readonly #options: SourceOptions;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.foreign = new ForeignConversations(options);
  }

  /** @throws AppError `invalid` for the one file that is imported, if it has no known format */
  async read(input: Input, isOneOfMany: boolean): Promise<void> {
    const file = isOneOfMany ? input.name : null;
    let opened: Opened | undefined;
    try {
      opened = await input.open();
      await this.#readFile(input, opened.bytes, file);
    } catch (error) {
      const isFault = isOfInput(error);
      // Keep the conversations before the fault: of a packed file that is cut off, its first parts are good.
      const isPart = isFault && error.code === "invalid" && this.foreign.sessions.length > 0;
      if (!isFault || (file === null && !isPart)) throw error;
      this.foreign.skipFile(file ?? input.name, error.message);
    } finally {
      opened?.close();
    }
  }

  async #readFile(input: Input, raw: Bytes, file: string | null): Promise<void> {
    const { format } = this.#options;
    const { bytes, isPlain } = await toUtf8(raw);
    const isPacked = !isPlain || input.path === undefined;
    const { head, all } = await peek(isPacked ? this.counted(bytes) : bytes);
    if (format === "holdfast" || (format === "auto" && isOwn(head)))
      return this.#readOwn(input, file, isPacked ? all : undefined);
    const records = recordsOf(all, this.foreign.onReplaced);
    const { begun, rest } = await begin(records);
    const found =
      format === "auto"
        ? begun.map(({ value }) => programIn(value)).find(Boolean)
        : PROGRAMS.find(({ name }) => name === format);
    if (found === undefined && (input.isGuess || isCompanion(input, head, begun))) return;
    if (found === undefined) throw unknownFormat(head, begun);
    await this.foreign.read(unwrapped(rest), found, { name: input.name, file });
  }

  /** A packed file is unpacked first, because an import reads it several times. */
  async #readOwn(
    { path = "" }: Input,
    file: string | null,
    packed: Bytes | undefined,
  ): Promise<void> {
    const plain = packed === undefined ? path : await this.store(packed);
    const { limits, signal } = this.#options;
    const onReplaced = (count: number): void => void (this.replaced += count);
    const watcher = { onReplaced, file, onBytes: () => signal?.throwIfAborted() };
    this.own.push(...(await readHoldfastFile(plain, limits, this.faults, watcher)));
  }

  /** Writes bytes into a temporary file. @returns its path */
  async store(bytes: Bytes): Promise<string> {
    const path = (await this.foreign.spool()).pathOf(`${(this.#unpacked += 1)}`);
    await pipeline(Readable.from(bytes), createWriteStream(path, { mode: 0o600, flags: "wx" }));
    return path;
  }

  /** @throws AppError `limit`: a small packed file may hold any number of bytes */
  async *counted(bytes: Bytes): AsyncGenerator<Buffer> {
    const { maxUnpackedBytes = MAX_UNPACKED_BYTES } = this.#options;
    for await (const chunk of bytes) {
      this.#unpackedBytes += chunk.length;
      if (this.#unpackedBytes > maxUnpackedBytes) throw unpacksTooLarge(maxUnpackedBytes);
      yield chunk;
    }
  }
}

/** True for Holdfast's own format, which its first line names. */
const isOwn = (head: Buffer): boolean =>
  /^\{[^\n]*"format"\s*:\s*"holdfast"/.test(head.toString("latin1"));

/** The first records, up to the first one of a known program, and all of them. */
async function begin(records: AsyncGenerator<FileRecord>): Promise<{
  begun: FileRecord[];
  rest: Records;
}> {
  const begun: FileRecord[] = [];
  for (let next = await records.next(); next.done !== true; next = await records.next()) {
    begun.push(next.value);
    if (begun.length >= MAX_BEGUN || programIn(next.value.value) !== undefined) break;
  }
  return {
    begun: [...begun],
    rest: (async function* () {
      yield* begun.splice(0);
      yield* records;
    })(),
  };
}

const programIn = (value: unknown): Program | undefined =>
  programOf(value) ?? wrappedIn(value)?.map(programOf).find(Boolean);

/** The records, with lists of conversations in them taken apart. */
async function* unwrapped(records: Records): AsyncGenerator<FileRecord> {
  let number = 0;
  for await (const record of records) {
    const list = record.fault === undefined ? wrappedIn(record.value) : undefined;
    if (list === undefined) yield { ...record, number: Math.max((number += 1), record.number) };
    else for (const value of list) yield { number: (number += 1), value };
  }
}

const HINT =
  `Accepted are exports of Holdfast, and these, as files, folders or archives: ` +
  `${PROGRAMS.map(({ title }) => title).join(", ")}.`;

const isList = (head: Buffer): boolean => head.toString("latin1", 0, 1) === "[";

function unknownFormat(head: Buffer, begun: readonly FileRecord[]): AppError {
  const kind =
    begun.map(({ value }) => otherKindOf(value)?.title).find(Boolean) ??
    kindInWords(head) ??
    (begun.length === 0 && isList(head) ? "an empty list" : undefined);
  const broken = begun.find(({ fault }) => fault !== undefined)?.fault;
  const known = begun.some(({ value }) => isFields(value));
  const why =
    kind !== undefined ? `: it is ${kind}` : broken !== undefined && !known ? `: it ${broken}` : "";
  const about = `The file is of no format that is known here${why}.`;
  return new AppError("invalid", about, { hint: HINT });
}

/** Files that lie beside the conversations in a download. */
const COMPANIONS =
  /(?:^|\/)(?:users?|user_settings|settings|message_feedback|shared_conversations|model_comparisons|memories|export_manifest|conversation_asset_file_names|sessions-index|shopping|sora|prod-mc-[a-z-]+)\.json$/;
/** Names of files with conversations; an archive may hold any others. */
const CONVERSATIONS = /(?:conversation|chat|session|activity)[^/]*$/i;

const isCompanion = (
  { name, isNamed, isPart }: Input,
  head: Buffer,
  begun: readonly FileRecord[],
): boolean =>
  !isNamed &&
  !begun.some(({ value }) => otherKindOf(value)?.isChat === true) &&
  ((isPart && !CONVERSATIONS.test(name)) ||
    COMPANIONS.test(name) ||
    (begun.length === 0 && isList(head)) ||
    begun.some(({ value }) => otherKindOf(value)?.isCompanion === true || isEmptyList(value)));

const unpacksTooLarge = (maxBytes: number): AppError =>
  new AppError("limit", `The packed files hold more than ${maxBytes} bytes.`, {
    hint: "Unpack them, and import the parts one by one.",
  });

// Comparison of a stored session with its form in a file. Both are read side by side, in bounded memory.
import { createHash } from "node:crypto";
import type { Message } from "../chat/message.ts";
import type { StateEntry } from "../state/store.ts";
import type { Content, TransferRecord } from "./store.ts";

/** `ahead`: the file continues the stored session. `behind`: the stored session continues the file. */
export type Relation = "same" | "ahead" | "behind" | "different";

export interface Comparison {
  relation: Relation;
  /** True for a record of an `ahead` file that is new, or newer than the stored one. */
  wanted(piece: Content): boolean;
  /** Number of state keys after an import. */
  stateKeys: number;
  newMessages: number;
  /** The last message number that the stored session gave out. */
  lastSeq: number;
}

/**
 * Compares messages and state. Name, title, system prompt and pin belong to the server, so they are not compared. A
 * message that was deleted here stays deleted, even if the file has it. `isForeign`: true for another program's file, in
 * which a message is the same when it has the same text: times may be missing, and models named later.
 */
export async function compare(
  stored: AsyncIterable<TransferRecord>,
  file: AsyncIterable<Content>,
  { isForeign = false }: { isForeign?: boolean } = {},
): Promise<Comparison> {
  const [ours, theirs] = [new Side(stored), new Side(file)];
  try {
    return await compareSides(ours, theirs, isForeign ? hasSameText : isSame);
  } finally {
    await Promise.all([ours.leave(), theirs.leave()]);
  }
}

async function compareSides(
  ours: Side,
  theirs: Side,
  areSame: (a: Message, b: Message) => boolean,
): Promise<Comparison> {
  const keys = compareState(await ours.state(), await theirs.state());
  let { ahead, behind, different } = keys;
  const settled = new Set<number>();
  let deletedHere = false;
  let [mine, yours] = [await ours.message(), await theirs.message()];
  while (yours !== undefined && !different) {
    if (yours.seq < (mine?.seq ?? ours.lastSeq + 1)) {
      deletedHere = true;
      yours = await theirs.message();
      continue;
    }
    if (mine === undefined) break;
    if (mine.seq < yours.seq) {
      behind = true; // deleted where the file was written
      mine = await ours.message();
      continue;
    }
    different = !areSame(mine, yours);
    if (mine.status !== yours.status) {
      if (yours.status === "complete") settled.add(yours.seq);
      if (mine.status === "complete") behind = true;
    }
    [mine, yours] = [await ours.message(), await theirs.message()];
  }
  behind ||= mine !== undefined;
  ahead ||= yours !== undefined || settled.size > 0;
  different ||= ahead && behind;
  let newMessages = 0;
  for (; yours !== undefined && !different; yours = await theirs.message()) newMessages += 1;
  return {
    relation: different ? "different" : ahead ? "ahead" : behind || deletedHere ? "behind" : "same",
    wanted: (piece) =>
      piece.type === "state"
        ? keys.newer.has(piece.entry.key)
        : piece.message.seq > ours.lastSeq || settled.has(piece.message.seq),
    stateKeys: keys.all,
    newMessages,
    lastSeq: ours.lastSeq,
  };
}

/** One of the two forms, read record by record. */
class Side {
  /** The last message number that was given out; 0 for a file. */
  lastSeq = 0;
  readonly #pieces: AsyncIterator<TransferRecord>;
  #next: Message | undefined;

  constructor(pieces: AsyncIterable<TransferRecord>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** All state entries, by key. Call this before `message`, as records come in that order. */
  async state(): Promise<Map<string, Digest>> {
    const found = new Map<string, Digest>();
    for (;;) {
      const next = await this.#pieces.next();
      if (next.done === true) return found;
      const { value } = next;
      if (value.type === "message") {
        this.#next = value.message;
        return found;
      }
      if (value.type === "session") this.lastSeq = value.lastSeq;
      else found.set(value.entry.key, digestOf(value.entry));
    }
  }

  async message(): Promise<Message | undefined> {
    const first = this.#next;
    this.#next = undefined;
    if (first !== undefined) return first;
    const next = await this.#pieces.next();
    if (next.done === true) return undefined;
    return next.value.type === "message" ? next.value.message : undefined;
  }

  async leave(): Promise<void> {
    await this.#pieces.return?.();
  }
}

/** A state entry with a hash in place of its value, which may be large. */
interface Digest {
  version: number;
  updatedAt: number;
  hash: string;
}

const digestOf = ({ version, updatedAt, value }: StateEntry): Digest => ({
  ...{ version, updatedAt },
  hash: createHash("sha256").update(value).digest("base64"),
});

function compareState(mine: Map<string, Digest>, yours: Map<string, Digest>) {
  const newer = new Set<string>();
  let [behind, different] = [false, false];
  for (const [key, entry] of yours) {
    const stored = mine.get(key);
    if (stored === undefined || stored.updatedAt < entry.updatedAt) newer.add(key);
    else if (stored.updatedAt > entry.updatedAt) behind = true;
    else if (stored.hash !== entry.hash || stored.version !== entry.version) different = true;
  }
  for (const key of mine.keys()) behind ||= !yours.has(key);
  const all = mine.size + [...newer].filter((key) => !mine.has(key)).length;
  return { newer, behind, different, ahead: newer.size > 0, all };
}

export const hasSameText = (a: Message, b: Message): boolean =>
  a.role === b.role && a.content === b.content;

/** Compares everything but the status, which settles later, and the author, which files of earlier versions lack. */
const isSame = (a: Message, b: Message): boolean =>
  hasSameText(a, b) && a.model === b.model && a.createdAt === b.createdAt;

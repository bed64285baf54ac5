// Conversations of other programs on their way to sessions: checked, converted, and kept in a temporary file until the
// import reads them. What is unreadable or over a limit is left out, and reported.
import { createHash } from "node:crypto";
import { storableModel } from "../../chat/ask.ts";
import { withoutThoughts } from "../../chat/thoughts.ts";
import { titleOf } from "../../chat/title.ts";
import { AppError } from "../../lib/errors.ts";
import { byteLength, shortened, storable } from "../../lib/text/text.ts";
import { MAX_SYSTEM_BYTES, MAX_TITLE_BYTES } from "../../sessions/texts.ts";
import { hasSameText } from "../compare.ts";
import { isOfInput } from "../faults.ts";
import { type Incoming, SessionCheck, type TransferLimits } from "../incoming.ts";
import type { OnReplaced } from "../input/lines.ts";
import type { Records } from "../input/records.ts";
import { Pace } from "../pace.ts";
import { labelOf } from "../programs/fields.ts";
import type { Conversation, Message, Named, Program } from "../programs/program.ts";
import type { Content } from "../store.ts";
import { contentsOf } from "./holdfast-file.ts";
import { endOf, toLine } from "./jsonl.ts";
import { type Skipped, whereOf } from "./skipped.ts";
import { Spool } from "./spool.ts";

export interface ForeignOptions {
  /** The owner of the sessions. */
  owner: string;
  limits: TransferLimits;
  /** The time for conversations without one. */
  now: number;
  signal?: AbortSignal | undefined;
  /** See SourceOptions. */
  spoolPrefix?: string | undefined;
}

/** End of a text over the limit. */
const CUT = "\n\n… (cut: the message is longer than the setting max-message allows)";

interface Taken {
  incoming: Incoming;
  /** Hash of the messages. */
  digest: string;
  where: Named & { file: string | null };
}

export class ForeignConversations {
  /** Number of conversations without messages. */
  empty = 0;
  readonly skipped: Skipped[] = [];
  /** Number of replaced characters. */
  replaced = 0;
  readonly onReplaced: OnReplaced = (count) => void (this.replaced += count);
  /** The skipped conversations that are there once more, to the letter. */
  readonly #identical = new Set<Skipped>();
  /** By the session's id. Several went on differently: each becomes a branch. */
  readonly #taken = new Map<string, Taken[]>();
  readonly #options: ForeignOptions;
  readonly #shared = new Map<string, string>();
  readonly #pace = new Pace();
  #spool: Spool | undefined;

  constructor(options: ForeignOptions) {
    this.#options = options;
  }

  get sessions(): Incoming[] {
    return [...this.#taken.values()].flat().map(({ incoming }) => incoming);
  }

  /** What is skipped and would be missed. */
  get lost(): Skipped[] {
    return this.skipped.filter((one) => !this.#identical.has(one));
  }

  /** Reads a file of the program, in steps between which others have their turn. `file`: its name in reports. */
  async read(
    records: Records,
    program: Program,
    { name, file }: { name: string; file: string | null },
  ): Promise<void> {
    const skip = (named: Named, message: string | null, reason: string): void =>
      this.#skip({ ...named, file }, reason, { message });
    const context = { skip, file: name.replace(/^.*[\\/]/, ""), shared: this.#shared };
    for await (const found of program.conversations(records, context)) {
      await this.#pace.step();
      this.#options.signal?.throwIfAborted();
      const { number, id, title } = found;
      const where = { number, file, id: labelOf(id), title: labelOf(title) };
      try {
        await this.#add(found, program, where);
      } catch (error) {
        if (!isOfInput(error)) throw error;
        this.#skip(where, error.message);
      }
    }
  }

  /** Leaves out a whole file. */
  skipFile(file: string, reason: string): void {
    this.skipped.push({
      ...{ file, conversation: null, id: null, title: null, message: null },
      reason,
    });
  }

  async spool(): Promise<Spool> {
    return (this.#spool ??= await Spool.open(this.#options.spoolPrefix));
  }

  async remove(): Promise<void> {
    await this.#spool?.remove();
  }

  #skip(
    { number, id, title, file }: Taken["where"],
    reason: string,
    { message = null, isRepeated }: Partial<Pick<Skipped, "message" | "isRepeated">> = {},
  ): void {
    const where = { file, conversation: number, id, title, message };
    this.skipped.push({ ...where, reason, ...(isRepeated && { isRepeated }) });
  }

  async #add(found: Conversation, program: Program, where: Taken["where"]): Promise<void> {
    const spoken = program.hasThoughtsInText ? this.#spoken(found, where) : found;
    if (spoken.messages.length === 0) {
      this.empty += 1;
      return;
    }
    const conversation = this.#fitting(spoken, where);
    const { incoming, digest } = this.#converted(conversation, program.name, await this.spool());
    await this.#keep({ incoming, digest, where });
  }

  /** Keeps a conversation beside others. Of two, one of which goes on like the other, the longer one is kept. */
  async #keep(taken: Taken): Promise<void> {
    const { id } = taken.incoming.header;
    const forms = this.#taken.get(id) ?? [];
    for (const [index, other] of forms.entries()) {
      const isIdentical = other.digest === taken.digest;
      if (!isIdentical && !(await goOnAlike(other.incoming, taken.incoming))) continue;
      const isMore = hasMore(taken.incoming, other.incoming);
      const [left, kept] = isMore ? [other.where, taken.where] : [taken.where, other.where];
      const place = whereOf({ ...kept, conversation: kept.number, message: null, reason: "" });
      this.#skip(left, `its id is that of ${place}, which is kept`, { isRepeated: true });
      if (isIdentical) this.#identical.add(this.skipped.at(-1)!);
      if (isMore) forms[index] = taken;
      return;
    }
    this.#taken.set(id, [...forms, taken]);
  }

  /** The conversation with messages that can be stored: a text over the limit is cut, and reported. */
  #fitting(conversation: Conversation, where: Taken["where"]): Conversation {
    const max = this.#options.limits.maxMessageBytes;
    const mark = max > 10 * CUT.length ? CUT : "";
    const messages = conversation.messages.map((message, index): Message => {
      const content = storable(message.content, this.onReplaced);
      const bytes = byteLength(content);
      const model = message.model && storableModel(storable(message.model));
      if (bytes <= max) return { ...message, content, model };
      const reason = `only its first ${max} bytes come in, of ${bytes} (the setting max-message)`;
      this.#skip(where, reason, { message: `${index + 1}` });
      return { ...message, content: shortened(content, max, mark), model };
    });
    return { ...conversation, messages };
  }

  /** The conversation without thoughts, which the program keeps in the text of answers. */
  #spoken(conversation: Conversation, where: Taken["where"]): Conversation {
    const messages = conversation.messages.flatMap((message, index) => {
      if (message.role !== "assistant") return [message];
      const content = withoutThoughts(message.content);
      if (content.trim() !== "") return [{ ...message, content }];
      this.#skip(where, "holds thoughts only", { message: `${index + 1}` });
      return [];
    });
    return { ...conversation, messages };
  }

  /** @throws AppError `invalid` or `limit`, naming the message */
  #converted(
    conversation: Conversation,
    source: string,
    spool: Spool,
  ): Pick<Taken, "incoming" | "digest"> {
    const { owner, limits, now } = this.#options;
    const { id, title, system, createdAt, lastActiveAt, messages } = conversation;
    const times = messages.map((message) => message.createdAt);
    const firstAt = createdAt ?? times.find((at) => at !== null) ?? lastActiveAt ?? now;
    const check = new SessionCheck(limits);
    const name =
      title?.trim() || titleOf(messages.find(({ role }) => role === "user")?.content ?? "");
    const header = {
      id: sessionId(source, owner, id),
      ...{ owner: undefined, name: null, pinned: false },
      title: name ? shortened(storable(name, this.onReplaced), MAX_TITLE_BYTES) : null,
      system: system && shortened(storable(system, this.onReplaced), MAX_SYSTEM_BYTES),
      createdAt: firstAt,
      lastActiveAt: lastActiveAt ?? times.findLast((at) => at !== null) ?? firstAt,
    };
    check.header(header);
    const lines: string[] = [];
    const hash = createHash("sha256");
    for (const piece of pieces(conversation, firstAt)) {
      try {
        check.content(piece);
      } catch (error) {
        if (!(error instanceof AppError) || piece.type !== "message") throw error;
        throw new AppError(error.code, `message ${piece.message.seq}: ${error.message}`);
      }
      const line = toLine(piece);
      hash.update(line);
      lines.push(line);
    }
    const place = spool.add([...lines, endOf(check.counts)]);
    const incoming: Incoming = {
      ...{ header, counts: check.counts },
      branchId: (branch) => sessionId(source, owner, id, branch),
      open: () => contentsOf(spool.path, limits, place),
    };
    return { incoming, digest: hash.digest("base64") };
  }
}

/** True if one goes on like the other, as in two exports of which one is older. */
async function goOnAlike(a: Incoming, b: Incoming): Promise<boolean> {
  const others = b.open()[Symbol.asyncIterator]();
  try {
    for await (const piece of a.open()) {
      const other = await others.next();
      if (other.done === true) return true;
      if (piece.type !== "message" || other.value.type !== "message") return false;
      if (!hasSameText(piece.message, other.value.message)) return false;
    }
    return true;
  } finally {
    await others.return?.();
  }
}

const hasMore = (a: Incoming, b: Incoming): boolean =>
  a.counts.messages === b.counts.messages
    ? a.header.lastActiveAt > b.header.lastActiveAt
    : a.counts.messages > b.counts.messages;

/** The records of a conversation. A message without a time takes the time of the message before it. */
function* pieces({ messages }: Conversation, firstAt: number): Generator<Content> {
  let at = firstAt;
  for (const [index, { role, content, model, createdAt }] of messages.entries()) {
    at = createdAt ?? at;
    yield {
      type: "message",
      message: {
        ...{ seq: index + 1, role, content, status: "complete" },
        ...{ model, createdAt: at, inputTokens: null },
        ...{ outputTokens: null, requestKey: null, author: null },
      },
    };
  }
}

/** The same id for the same conversation, owner and branch, in the form of a version 8 UUID (RFC 9562). */
function sessionId(source: string, owner: string, id: string, branch = 1): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([source, owner, id, ...(branch > 1 ? [branch] : [])]))
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex", 0, 16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

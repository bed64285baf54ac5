// A session on its way into the store, and the checks on it.
import { checkModelName } from "../chat/ask.ts";
import type { Message } from "../chat/message.ts";
import { checkRequestKey } from "../idempotency/request-key.ts";
import { AppError } from "../lib/errors.ts";
import { isId } from "../lib/ids.ts";
import { checkText, shortened } from "../lib/text/text.ts";
import { checkName, checkTexts, MAX_TITLE_BYTES } from "../sessions/texts.ts";
import { checkKey } from "../state/state.ts";
import type { StateEntry } from "../state/store.ts";
import type { Content, ContentCounts, SessionRecord } from "./store.ts";

/** A session's header in a file; `owner` is undefined when the file names no owner. */
export type Header = Omit<SessionRecord, "owner"> & { owner: string | undefined };

export interface Incoming {
  header: Header;
  counts: ContentCounts;
  /** The id of the session for a branch 2, 3 … of another program's conversation; absent in Holdfast's own files. */
  branchId?(number: number): string;
  /** Reads the content from the start. */
  open(): AsyncIterable<Content>;
}

/** Most sessions of one conversation. */
const MAX_BRANCHES = 1_000;

/**
 * The forms in which a session may come in. Another program's conversation that went on differently since its last import is
 * a branch: a session of its own, so that nothing is lost and a repeated import changes nothing.
 */
export function* branchesOf(incoming: Incoming): Generator<Incoming> {
  yield incoming;
  const { header, branchId } = incoming;
  if (branchId === undefined) return;
  for (let number = 2; number <= MAX_BRANCHES; number += 1)
    yield {
      ...incoming,
      header: {
        ...header,
        id: branchId(number),
        title: branchTitle(header.title ?? "Untitled", number),
      },
    };
}

function branchTitle(title: string, number: number): string {
  const suffix = ` (branch ${number})`;
  return `${shortened(title, MAX_TITLE_BYTES - suffix.length)}${suffix}`;
}

/** The settings that limit stored content. */
export interface TransferLimits {
  maxMessageBytes: number;
  /** Maximum per session. */
  maxMessages: number;
  maxValueBytes: number;
  /** Maximum per session. */
  maxKeys: number;
  /** Maximum per principal. */
  maxSessions: number;
}

/** Maximum message number; it leaves room for later messages, as deleted messages leave gaps. */
const MAX_SEQ = 1_000_000_000;

/** Checks one session, record by record. Every method throws AppError `invalid` or `limit`. */
export class SessionCheck {
  readonly #limits: TransferLimits;
  readonly #keys = new Set<string>();
  readonly #requestKeys = new Set<string>();
  #messages = 0;
  #lastSeq = 0;

  constructor(limits: TransferLimits) {
    this.#limits = limits;
  }

  get counts(): ContentCounts {
    return { stateKeys: this.#keys.size, messages: this.#messages };
  }

  header({ id, owner, name, title, system }: Header): void {
    if (!isId(id)) throw new AppError("invalid", "id: expected a UUID in lower case.");
    if (owner !== undefined) checkName(owner, "owner");
    if (name !== null) checkName(name);
    checkTexts({ title, system });
  }

  content(piece: Content): void {
    if (piece.type === "state") this.#state(piece.entry);
    else this.#message(piece.message);
  }

  #state({ key, value }: StateEntry): void {
    const { maxKeys, maxValueBytes } = this.#limits;
    if (this.#messages > 0) throw new AppError("invalid", "State comes before the messages.");
    checkKey(key);
    checkText("value", value, maxValueBytes, "max-value");
    if (this.#keys.has(key))
      throw new AppError("invalid", `key: ${quoted(key)} is there more than once.`);
    if (this.#keys.size >= maxKeys)
      throw new AppError("limit", `A session has at most ${maxKeys} state keys (max-keys).`);
    this.#keys.add(key);
  }

  #message({ seq, role, content, model, requestKey, author }: Message): void {
    const { maxMessages, maxMessageBytes } = this.#limits;
    if (seq <= this.#lastSeq || seq > MAX_SEQ)
      throw new AppError(
        "invalid",
        `seq: expected a number from ${this.#lastSeq + 1} to ${MAX_SEQ}, received ${seq}.`,
      );
    this.#lastSeq = seq;
    this.#messages += 1;
    if (this.#messages > maxMessages)
      throw new AppError("limit", `A session has at most ${maxMessages} messages (max-messages).`);
    checkText("content", content, maxMessageBytes, "max-message");
    if (model !== null) checkModelName(model);
    if (author !== null) checkName(author, "author");
    if (requestKey === null) return;
    checkRequestKey(requestKey);
    const keyed = `${role} ${requestKey}`;
    if (this.#requestKeys.has(keyed))
      throw new AppError("invalid", `request_key: ${quoted(requestKey)} is there more than once.`);
    this.#requestKeys.add(keyed);
  }
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 60));

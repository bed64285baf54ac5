// The interface of readers for other programs' files: each finds the conversations in a file's records.
import type { Role } from "../../chat/message.ts";
import { AppError } from "../../lib/errors.ts";
import type { Format } from "../formats/format.ts";
import type { FileRecord, Records } from "../input/records.ts";
import { type Fields, fieldsOf, isFields, labelOf } from "./fields.ts";

export interface Message {
  role: Role;
  content: string;
  model: string | null;
  /** Milliseconds since 1970, like all times here; null when the file has no time. */
  createdAt: number | null;
}

export interface Conversation {
  /** The other program's id; the same for the same conversation in every export. */
  id: string;
  /** Null makes the first question the title. */
  title: string | null;
  system: string | null;
  createdAt: number | null;
  lastActiveAt: number | null;
  messages: Message[];
}

/** The conversation that is meant: its number in the file, and its id and title, where the file has them. */
export interface Named {
  number: number;
  id: string | null;
  title: string | null;
}

/** Reports what is left out: a message by its id or number, or the whole conversation for null. */
export type Skip = (conversation: Named, message: string | null, reason: string) => void;

/** Reports a message of the current conversation. */
export type SkipMessage = (message: string, reason: string) => void;

export interface Context {
  skip: Skip;
  /** Name of the file, without its folder. */
  file: string;
  /** What another file of the same import says, by a key of the program's own. */
  shared: Map<string, string>;
}

export interface Program {
  name: Exclude<Format, "auto" | "holdfast">;
  /** Name of the file for people: `conversations.json of ChatGPT`. */
  title: string;
  /** True for a program that keeps thoughts in the text of answers, with a model's own tags. */
  hasThoughtsInText?: boolean;
  /** True for a record that this program has written. */
  wrote(record: Fields): boolean;
  conversations(
    records: Records,
    context: Context,
  ): AsyncIterable<Conversation & { number: number }>;
}

/** Reads one record. @throws AppError `invalid` when the conversation is unreadable */
export type ReadOne = (
  record: Fields,
  skip: SkipMessage,
  context: Context,
) => Conversation | undefined;

/** The conversations of a program that writes one a record. */
export const onePerRecord = (read: ReadOne): Program["conversations"] =>
  async function* (records, context) {
    for await (const record of records) {
      const named = nameOf(record);
      try {
        const value = valueOf(record);
        const skip: SkipMessage = (message, reason) => context.skip(named, message, reason);
        const conversation = read(value, skip, context);
        if (conversation !== undefined) yield { ...conversation, number: record.number };
      } catch (error) {
        context.skip(named, null, reasonOf(error));
      }
    }
  };

/** Why a conversation cannot be read; one that no reader foresees must not keep the others out. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError) return error.message;
  if (error instanceof TypeError) return "has a field of a kind that is not expected";
  throw error;
}

/** The conversations of a program that writes several into a record, which `split` takes apart. */
export const severalPerRecord = (
  split: (record: Fields) => Iterable<unknown>,
  read: ReadOne,
): Program["conversations"] =>
  async function* (records, context) {
    async function* apart(): AsyncGenerator<FileRecord> {
      let number = 0;
      for await (const record of records)
        if (isFields(record.value))
          for (const value of split(record.value)) yield { number: (number += 1), value };
        else yield { ...record, number: (number += 1) };
    }
    yield* onePerRecord(read)(apart(), context);
  };

/** @throws AppError `invalid` for a record that is no object */
export function valueOf({ value, fault }: FileRecord): Fields {
  if (fault !== undefined) throw new AppError("invalid", fault);
  if (!isFields(value)) throw new AppError("invalid", "is no object");
  return value;
}

/** The conversation's id and title in the file, however malformed the rest is. */
export function nameOf({ number, value }: FileRecord): Named {
  const { conversation_id, conversationId, id, uuid, title, name } = {
    ...fieldsOf(fieldsOf(value)["conversation"]),
    ...fieldsOf(value),
  };
  return {
    number,
    id: labelOf(conversation_id) ?? labelOf(conversationId) ?? labelOf(id) ?? labelOf(uuid),
    title: labelOf(title) ?? labelOf(name),
  };
}

export const unreadable = (reason: string): AppError => new AppError("invalid", reason);

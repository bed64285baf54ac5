// The report of the files, conversations and messages that an import skips, for all readers of other programs' files.

export interface Skipped {
  /** The file's name, where several files are imported. */
  file: string | null;
  /** Number of the conversation within its file: 1, 2, 3 …; null for a whole file. */
  conversation: number | null;
  /** The conversation's id, where the file has one. */
  id: string | null;
  title: string | null;
  /** The message's id or number; null for a whole conversation. */
  message: string | null;
  reason: string;
  /** True for a conversation that is in the files twice; the other one is taken. */
  isRepeated?: boolean;
}

export const whereOf = ({ file, conversation, message }: Skipped): string =>
  [
    ...(file === null ? [] : [file]),
    ...(conversation === null ? [] : [`conversation ${conversation}`]),
    ...(message === null ? [] : [`message ${message}`]),
  ].join(": ");

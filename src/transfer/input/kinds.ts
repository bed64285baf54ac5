// Kinds of files by their first bytes, to name a file that is no import for what it is.

const BYTES: readonly (readonly [mark: string, title: string])[] = [
  ["SQLite format 3\0", "an SQLite database"],
  ["%PDF-", "a PDF document"],
  ["\u0089PNG", "a picture"],
  ["\u00ff\u00d8\u00ff", "a picture"],
  ["GIF8", "a picture"],
  ["RIFF", "a picture or a sound"],
  ["7z\u00bc\u00af", "a 7z archive, which must be unpacked first"],
  ["Rar!", "a RAR archive, which must be unpacked first"],
  ["\u00fd7zXZ", "an archive packed by xz, which must be unpacked first"],
  ["(\u00b5/\u00fd", "an archive packed by zstd, which must be unpacked first"],
  ["BZh", "an archive packed by bzip2, which must be unpacked first"],
  ["PK", "an archive"],
  ["\u007fELF", "a program"],
];

const TEXTS: readonly (readonly [form: RegExp, title: string])[] = [
  [/^<(?:!doctype|html|!--|head|body)/i, "a web page"],
  [/^<\?xml/i, "an XML document"],
  [/^\{\\rtf/, "a document of a word processor"],
  [/^(?:#{1,6} |---\r?\n|\*\*)/, "a Markdown document"],
];

/** What the file is, in words; undefined for what is not known. `head`: its first bytes behind white space. */
export function kindInWords(head: Buffer): string | undefined {
  if (head.length === 0) return "an empty file";
  const text = head.toString("latin1");
  return (
    BYTES.find(([mark]) => text.startsWith(mark))?.[1] ??
    TEXTS.find(([form]) => form.test(text))?.[1] ??
    (/^[[{]/.test(text) ? undefined : text.includes("\0") ? "no text" : "a text that is not JSON")
  );
}

// Documents that an assistant writes, and edits later, by calls of tools: artifacts, files and the canvas.
import { documentText } from "./texts.ts";

export interface Document {
  name: string;
  text: string;
  language?: string;
}

export interface Edit {
  /** The new words. */
  passage: string;
  /** The text behind the edit; undefined where the old words are not in it. */
  apply(text: string): string | undefined;
}

/** Characters that edits of a conversation may show again: a small edit shows the whole document. */
const MAX_REPEATED = 16 * 1024 * 1024;

export class Documents {
  readonly #known = new Map<string, Document>();
  #room = MAX_REPEATED;

  known(id: string): Document | undefined {
    return this.#known.get(id);
  }

  write(id: string, document: Document): string[] {
    this.#known.set(id, document);
    return shownOf(document);
  }

  /** The whole document behind its edits, or the new words alone where its text is unknown. */
  edit(id: string, edits: readonly Edit[], name: string): string[] {
    const before = this.#known.get(id);
    const text = edits.reduce<string | undefined>(
      (so, { apply }) => (so === undefined ? undefined : apply(so)),
      before?.text,
    );
    if (before !== undefined && text !== undefined && text.length <= this.#room) {
      this.#room -= text.length;
      return this.write(id, { ...before, text });
    }
    if (text !== undefined) this.#known.delete(id);
    return edits.flatMap(({ passage }) =>
      shownOf({ ...before, name: before?.name ?? name, text: passage }),
    );
  }
}

const shownOf = ({ name, text, language }: Document): string[] =>
  text.trim() === "" ? [] : [documentText(name, text, language)];

/** Puts words in the place of others: of the first ones, or of all. */
export const replacing = (from: string, to: string, { every = false } = {}): Edit => ({
  passage: to,
  apply(text) {
    if (from === "" || !text.includes(from)) return undefined;
    return every ? text.replaceAll(from, () => to) : text.replace(from, () => to);
  },
});

// The default title of a conversation: the beginning of its first question.

const MAX_CHARACTERS = 60;

/** The first words of a question, on one line; undefined for a question without words. */
export function titleOf(question: string): string | undefined {
  const line = question
    .slice(0, 1_000)
    .toWellFormed()
    .replace(/[\s\p{Cc}\u200B\u200E\u200F\u202A-\u202E\u2060\uFEFF]+/gu, " ")
    .trim();
  const characters = Array.from(line);
  if (characters.length <= MAX_CHARACTERS) return line || undefined;
  const cut = characters.slice(0, MAX_CHARACTERS).join("");
  const atWord = cut.replace(/\s+\S*$/u, "");
  // Cut a script without spaces, or one endless word, in the middle.
  return `${atWord.length >= MAX_CHARACTERS / 2 ? atWord : cut}…`;
}

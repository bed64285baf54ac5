// The title of a conversation that nobody has given one: how it begins.

const MAX_CHARACTERS = 60;

/** The first words of a question, on one line; undefined for one without any. */
export function titleOf(question: string): string | undefined {
  const line = question
    .slice(0, 1_000)
    .toWellFormed()
    .replace(/[\s\p{Cc}\u200B\u200E\u200F\u202A-\u202E\u2060\uFEFF]+/gu, " ")
    .trim();
  const characters = [...line];
  if (characters.length <= MAX_CHARACTERS) return line || undefined;
  const cut = characters.slice(0, MAX_CHARACTERS).join("");
  const atWord = cut.replace(/\s+\S*$/u, "");
  // A script without spaces, or one endless word, is cut where it is.
  return `${atWord.length >= MAX_CHARACTERS / 2 ? atWord : cut}…`;
}

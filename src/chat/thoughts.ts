// Thoughts that a model writes into its answer. They are no part of it: they are neither stored nor sent again.

const NAMES = "think|thinking|thought|thoughts|reasoning";
const OPEN = new RegExp(`<(?:${NAMES})>|\\[THINK\\]|◁think▷`, "gi");
const CLOSE = new RegExp(`</(?:${NAMES})>|\\[/THINK\\]|◁/think▷`, "gi");
/** A quick look: most answers have none. */
const ANY = new RegExp(`</?(?:${NAMES})>|\\[/?THINK\\]|◁/?think▷`, "i");

/** Longest tag, in characters. */
export const MAX_TAG = "</reasoning>".length;

/** True for a text with a tag of thoughts, perhaps in code. */
export const hasThoughts = (text: string): boolean => ANY.test(text);

/**
 * The answer without thoughts. Templates of some models begin inside the thoughts, so an end without a beginning ends them,
 * too. Thoughts without an end go on to the end of the text. A tag in code is text like any other.
 */
export function withoutThoughts(text: string): string {
  if (!hasThoughts(text)) return text;
  let [left, from] = ["", 0];
  const first = next(CLOSE, text, 0);
  const opened = next(OPEN, text, 0);
  if (first !== undefined && (opened === undefined || first.at < opened.at)) from = first.end;
  for (;;) {
    const begin = next(OPEN, text, from);
    if (begin === undefined) return (left + text.slice(from)).trim();
    left += text.slice(from, begin.at);
    const end = next(CLOSE, text, begin.end, { alsoInCode: true });
    if (end === undefined) return left.trim();
    from = end.end;
  }
}

/** The next tag that is not in code. */
function next(
  tag: RegExp,
  text: string,
  from: number,
  { alsoInCode = false } = {},
): { at: number; end: number } | undefined {
  const search = new RegExp(tag.source, tag.flags);
  search.lastIndex = from;
  for (let found = search.exec(text); found !== null; found = search.exec(text)) {
    const at = found.index;
    if (alsoInCode || !isInCode(text.slice(from, at))) return { at, end: at + found[0].length };
  }
  return undefined;
}

/** True behind a fence, or behind a backtick in the same line, that is not closed. */
function isInCode(before: string): boolean {
  const fences = before.match(/^ {0,3}(?:```|~~~)/gm)?.length ?? 0;
  const line = before.slice(before.lastIndexOf("\n") + 1);
  return fences % 2 === 1 || (line.match(/`/g)?.length ?? 0) % 2 === 1;
}

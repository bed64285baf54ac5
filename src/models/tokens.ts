// Counts tokens with OpenAI's o200k vocabulary, which is some percent off for other models. The vocabulary takes 75 MB
// of memory, so the first count loads it.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Tokenizer } from "../chat/tokens.ts";

/**
 * Size of the pieces that are counted one by one. The library's time grows with the square of a run without word breaks
 * (64,000 letters: two seconds). Each cut inside a word adds about one token.
 */
const PIECE_CHARACTERS = 256;
/** Characters that are searched backwards for the end of a word. */
const LOOK_BACK = 64;
/** Milliseconds of counting before other work gets a turn. A megabyte of text without words takes about 5 seconds. */
const TURN_MS = 5;
/** Words whose tokens the library caches. */
const REMEMBERED_WORDS = 10_000;

type Count = (text: string) => number;

let loading: Promise<Count> | undefined;

async function load(): Promise<Count> {
  const { countTokens, setMergeCacheSize } = await import("gpt-tokenizer/encoding/o200k_base");
  setMergeCacheSize(REMEMBERED_WORDS);
  const options = { disallowedSpecial: new Set<string>() }; // count control tokens in a text as plain text
  return (text) => countTokens(text, options);
}

/** Count a text piece by piece, with turns for other work in between. */
async function* counted(text: string): AsyncGenerator<{ end: number; tokens: number }> {
  const count = await (loading ??= load());
  let since = performance.now();
  for (let start = 0; start < text.length;) {
    const end = endOfPiece(text, start);
    yield { end, tokens: count(text.slice(start, end)) };
    start = end;
    if (performance.now() - since < TURN_MS) continue;
    await nextTurn();
    since = performance.now();
  }
}

/** End of a piece: before the last space, where words begin; without one, anywhere but inside a character. */
function endOfPiece(text: string, start: number): number {
  const end = start + PIECE_CHARACTERS;
  if (end >= text.length) return text.length;
  for (let at = end; at > end - LOOK_BACK; at--) {
    if (text[at] === " " && text[at - 1]!.trim() !== "") return at;
  }
  return (text.charCodeAt(end) & 0xfc00) === 0xdc00 ? end - 1 : end; // do not split a surrogate pair
}

export const tokenizer: Tokenizer = {
  async count(text, limit) {
    let total = 0;
    for await (const { tokens } of counted(text)) {
      total += tokens;
      if (total > limit) return Infinity;
    }
    return total;
  },

  async cut(text, max) {
    let total = 0;
    let fits = 0;
    for await (const { end, tokens } of counted(text)) {
      total += tokens;
      if (total > max) return text.slice(0, fits);
      fits = end;
    }
    return text;
  },
};

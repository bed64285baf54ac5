// Counts tokens with the vocabulary of OpenAI's models. Other models split English into about as many tokens as o200k, and
// other scripts into more: a margin by script stands for their own vocabularies. A vocabulary takes 75 MB of memory, so the
// first count loads it.
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

/** Models with a vocabulary that is here; names may have a provider before them. */
const CL100K = /^(?:.*\/)?(?:gpt-4(?!o|\.\d)|gpt-3\.5|gpt-35|text-embedding)/;
const O200K = /^(?:.*\/)?(?:gpt-|chatgpt|o\d\b|codex)/;

const VOCABULARIES = {
  o200k: () => import("gpt-tokenizer/encoding/o200k_base"),
  cl100k: () => import("gpt-tokenizer/encoding/cl100k_base"),
} as const;

const loading = new Map<keyof typeof VOCABULARIES, Promise<Count>>();

async function load(name: keyof typeof VOCABULARIES): Promise<Count> {
  const { countTokens, setMergeCacheSize } = await VOCABULARIES[name]();
  setMergeCacheSize(REMEMBERED_WORDS);
  const options = { disallowedSpecial: new Set<string>() }; // count control tokens in a text as plain text
  return (text) => countTokens(text, options);
}

/** The counter for a model; without a model, o200k as it is. */
async function counterOf(model: string | undefined): Promise<Count> {
  const isOlder = model !== undefined && CL100K.test(model);
  const name = isOlder ? "cl100k" : "o200k";
  const known = loading.get(name) ?? load(name);
  loading.set(name, known);
  const count = await known;
  if (model === undefined || isOlder || O200K.test(model)) return count;
  return (text) => Math.ceil(count(text) * marginOf(text));
}

/** Tokens of other vocabularies for one of o200k, by script: the most that common models were seen to need. */
const MARGINS: readonly (readonly [script: RegExp, margin: number])[] = [
  [/[\u00C0-\u024F\u1E00-\u1EFF]/g, 0], // Latin with marks: see below
  [/[\u0400-\u052F]/g, 1.6], // Cyrillic
  [/[\u0600-\u06FF\u0750-\u077F\u0590-\u05FF]/g, 2.1], // Arabic, Hebrew
  [/[\u0900-\u0DFF]/g, 2.9], // Devanagari and other scripts of India
  [/[\u0E00-\u0FFF\u1000-\u109F\u1780-\u17FF]/g, 2.5], // Thai, Lao, Tibetan, Burmese, Khmer
  [/[\u0370-\u03FF\u0530-\u058F\u10A0-\u10FF\u1200-\u139F]/g, 2.5], // Greek, Armenian, Georgian, Ethiopic
  [/[\u3040-\u30FF\u3400-\u9FFF\uAC00-\uD7AF]/g, 1.5], // Japanese, Chinese, Korean
];
/** Languages with marks on Latin letters, of which most letters have none. */
const MARKED_LATIN = 1.35;

function marginOf(text: string): number {
  if (!/[^\u0000-\u007F]/.test(text)) return 1;
  let [letters, weight] = [0, 0];
  for (const [script, margin] of MARGINS) {
    const found = text.match(script)?.length ?? 0;
    letters += found;
    weight += found * margin;
  }
  if (letters === 0) return 1;
  const marked = text.match(MARGINS[0]![0])?.length ?? 0;
  const plain = text.match(/[A-Za-z]/g)?.length ?? 0;
  const latin = marked > 0 ? MARKED_LATIN : 1;
  return (weight + (plain + marked) * latin) / (letters + plain);
}

/** Count a text piece by piece, with turns for other work in between. */
async function* counted(
  text: string,
  model: string | undefined,
): AsyncGenerator<{ end: number; tokens: number }> {
  const count = await counterOf(model);
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
  async count(text, limit, model) {
    let total = 0;
    for await (const { tokens } of counted(text, model)) {
      total += tokens;
      if (total > limit) return Infinity;
    }
    return total;
  },

  async cut(text, max, model) {
    let total = 0;
    let fits = 0;
    for await (const { end, tokens } of counted(text, model)) {
      total += tokens;
      if (total > max) return text.slice(0, fits);
      fits = end;
    }
    return text;
  },
};

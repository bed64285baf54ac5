// The stem of an English word, so that `run` finds `running`: M. F. Porter, "An algorithm for suffix stripping"
// (1980), with the two rules that he added later. SQLite's full-text index uses the same algorithm.

const C = "[^aeiou]"; // consonant
const V = "[aeiouy]"; // vowel
const CS = `${C}[^aeiouy]*`;
const VS = `${V}[aeiou]*`;
/** Porter's measure m > 0, m = 1, m > 1, and a stem with a vowel. */
const SOME = new RegExp(`^(?:${CS})?${VS}${CS}`);
const ONE = new RegExp(`^(?:${CS})?${VS}${CS}(?:${VS})?$`);
const MORE = new RegExp(`^(?:${CS})?${VS}${CS}${VS}${CS}`);
const VOWEL = new RegExp(`^(?:${CS})?${V}`);
/** A stem that ends consonant, vowel, consonant: `hop`, not `snow`. */
const SHORT = new RegExp(`^${CS}${V}[^aeiouwxy]$`);

const STEP_2 = endings(
  "ational ate,tional tion,enci ence,anci ance,izer ize,bli ble,alli al,entli ent,eli e,ousli ous,ization ize," +
    "ation ate,ator ate,alism al,iveness ive,fulness ful,ousness ous,aliti al,iviti ive,biliti ble,logi log",
);
const STEP_3 = endings("icate ic,ative ,alize al,iciti ic,ical ic,ful ,ness ");
const STEP_4 = endings(
  "al ,ance ,ence ,er ,ic ,able ,ible ,ant ,ement ,ment ,ent ,ion ,ou ,ism ,ate ,iti ,ous ,ive ,ize ",
);

/** The stem of a lower-case word. Words with digits or other letters than English ones stay as they are. */
export function stem(word: string): string {
  if (!/^[a-z]{3,64}$/.test(word)) return word;
  // Treat y at the start of a word as a consonant.
  return word.startsWith("y") ? stripped(`Y${word.slice(1)}`).toLowerCase() : stripped(word);
}

function stripped(word: string): string {
  let w = word;
  if (/(?:ss|i)es$/.test(w)) w = w.slice(0, -2);
  else if (/[^s]s$/.test(w)) w = w.slice(0, -1);
  w = withoutPast(w);
  if (w.endsWith("y") && VOWEL.test(w.slice(0, -1))) w = `${w.slice(0, -1)}i`;
  w = replaced(w, STEP_2, SOME);
  w = replaced(w, STEP_3, SOME);
  w = replaced(w, STEP_4, MORE);
  if (w.endsWith("e")) {
    const before = w.slice(0, -1);
    if (MORE.test(before) || (ONE.test(before) && !SHORT.test(before))) w = before;
  }
  return w.endsWith("ll") && MORE.test(w.slice(0, -1)) ? w.slice(0, -1) : w;
}

/** Step 1b: -eed, -ed, -ing. */
function withoutPast(w: string): string {
  if (w.endsWith("eed")) return SOME.test(w.slice(0, -3)) ? w.slice(0, -1) : w;
  const before = /^(.*)(?:ed|ing)$/.exec(w)?.[1];
  if (before === undefined || !VOWEL.test(before)) return w;
  if (/(?:at|bl|iz)$/.test(before) || SHORT.test(before)) return `${before}e`;
  return /([^aeioulsz])\1$/.test(before) ? before.slice(0, -1) : before;
}

type Endings = readonly (readonly [ending: string, by: string])[];

/** Pairs of ending and replacement, the longest ending first. */
function endings(list: string): Endings {
  return list
    .split(",")
    .map((pair) => pair.split(" ") as [string, string])
    .sort(([a], [b]) => b.length - a.length);
}

function replaced(w: string, list: Endings, condition: RegExp): string {
  const found = list.find(([ending]) => w.endsWith(ending));
  if (found === undefined) return w;
  const before = w.slice(0, -found[0].length);
  if (!condition.test(before) || (found[0] === "ion" && !/[st]$/.test(before))) return w;
  return before + found[1];
}

// Thoughts that a model writes into its answer. They are no part of it: they are neither stored nor sent again. An answer may
// also speak of their tags, so a tag counts only at a place where a model's template or the model itself puts it.

/** The tags of one family of models. */
interface Dialect {
  open: readonly string[];
  close: readonly string[];
  /** True for words that an answer may use for parts of its own: they begin thoughts only before everything else. */
  isCommon?: boolean;
}

const named = (...names: readonly string[]): Dialect => ({
  open: names.map((name) => `<${name}>`),
  close: names.map((name) => `</${name}>`),
});

const channel = (name: string): string[] =>
  ["", "<|start|>assistant"].map((start) => `${start}<|channel|>${name}<|message|>`);

const DIALECTS: readonly Dialect[] = [
  named("think", "thinking"),
  ...["thought", "thoughts", "reasoning"].map((name) => ({ ...named(name), isCommon: true })),
  named("seed:think"), // Seed
  { open: ["[THINK]"], close: ["[/THINK]"] }, // Magistral
  { open: ["◁think▷"], close: ["◁/think▷"] }, // Kimi
  { open: ["<|channel>thought"], close: ["<channel|>"] }, // Gemma
  // OpenThinker, Sky-T1
  { open: ["<|begin_of_thought|>"], close: ["<|end_of_thought|>", "<|begin_of_solution|>"] },
  { open: ["<|START_THINKING|>"], close: ["<|END_THINKING|>", "<|START_RESPONSE|>"] }, // Command
  {
    // gpt-oss: everything before the final channel
    open: ["analysis", "commentary"].flatMap(channel),
    close: channel("final"),
  },
];

/** Marks with which templates end an answer. */
const ENDS: readonly string[] = [
  ...["<|im_end|>", "<|end|>", "<|return|>", "<|eot_id|>", "<|endoftext|>", "<end_of_turn>"],
  ...["<turn|>", "<|END_RESPONSE|>", "<|END_OF_TURN_TOKEN|>", "<|end_of_solution|>"],
];

interface Tag {
  dialect: Dialect;
  isOpen: boolean;
}

const tagsOf = (dialect: Dialect): [string, Tag][] =>
  [true, false].flatMap((isOpen) =>
    dialect[isOpen ? "open" : "close"].map((tag): [string, Tag] => [
      tag.toLowerCase(),
      { dialect, isOpen },
    ]),
  );

const TAGS: ReadonlyMap<string, Tag> = new Map(DIALECTS.flatMap(tagsOf));
const TAG_NAMES = [...TAGS.keys()];
const LONGEST_TAG = Math.max(...TAG_NAMES.map(({ length }) => length));

/** Line breaks, runs of backticks and of tildes, and tags. */
const TOKEN = new RegExp(["\\n", "`+", "~+", ...TAG_NAMES.map(RegExp.escape)].join("|"), "gi");
/** Signs that are read behind a tag before it is judged. */
const AHEAD = 20;
const LINE_END = /^[ \t\r]*(?:\n|$)/;
/** Place of a fence in its line: behind spaces, marks of quotations and of lists. */
const FENCE_PLACE = /^[ \t]*(?:(?:[-*+>]|\d{1,9}[.)])[ \t]+)*$/;
const LONGEST_PLACE = 100;

/**
 * An answer without thoughts, from its pieces. It is read once, whatever its tags are.
 * - Thoughts begin before everything else. In an answer with thoughts, others may follow, each at the beginning of a line.
 * - An end without a beginning ends thoughts that the template began: before everything else, or at the end of a line.
 * - Thoughts without an end go on to the end of the answer if they are first; later ones are text.
 * - A tag in code is text.
 */
export class AnswerText {
  /** The end of the pieces, which may be a part of a tag. */
  #unread = "";
  /** The text before the newest thoughts, and the text behind them. */
  #before = "";
  #since = "";
  #hasText = false;
  #hasThoughts = false;
  #thoughts: { dialect: Dialect; text: string; nested: number; isFirst: boolean } | undefined;
  /** Ends that may still come, because the newest thoughts held beginnings. A blank line ends this. */
  #nested: { dialect: Dialect; count: number; isOfLine: boolean } | undefined;
  #maybeBegun = true;
  /** The beginning of the current line, the run of backticks that is open in it, and the open fence. */
  #line = "";
  #span = 0;
  #fence: { mark: string; isOfLine: boolean } | undefined;

  /** The answer so far. */
  get soFar(): string {
    return this.#before + this.#since;
  }

  push(piece: string): void {
    this.#read(this.#unread + piece, { isEnd: false });
  }

  /** The whole answer. */
  end(): string {
    this.#read(this.#unread, { isEnd: true });
    const { text: open = "", isFirst = false } = this.#thoughts ?? {};
    const text = isFirst ? this.soFar : this.soFar + open;
    const own = withoutEnds(text);
    return this.#hasThoughts || own !== text ? own.trim() : text;
  }

  #read(text: string, { isEnd }: { isEnd: boolean }): void {
    let at = 0;
    for (;;) {
      TOKEN.lastIndex = at;
      const found = TOKEN.exec(text);
      const [token] = found ?? [];
      const begin = found?.index ?? (isEnd ? text.length : beginOfTag(text, at));
      this.#add(text.slice(at, begin));
      at = begin;
      if (token === undefined) break;
      at += token.length;
      const tag = TAGS.get(token.toLowerCase());
      const needed = tag !== undefined ? AHEAD : token === "\n" || token.length > AHEAD ? 0 : 1;
      if (!isEnd && at + needed > text.length) {
        at = begin;
        break;
      }
      if (tag !== undefined) this.#tag(token, tag, text.slice(at, at + AHEAD));
      else if (token === "\n") this.#newline();
      else this.#run(token);
    }
    this.#unread = text.slice(at);
  }

  #add(text: string): void {
    if (this.#line.length < LONGEST_PLACE) this.#line += text.slice(0, LONGEST_PLACE);
    if (this.#thoughts !== undefined) return void (this.#thoughts.text += text);
    const own = this.#hasThoughts && !this.#hasText ? text.trimStart() : text;
    this.#hasText ||= own.trim() !== "";
    this.#since += own;
  }

  #newline(): void {
    this.#add("\n");
    if (this.#nested?.isOfLine) this.#nested.isOfLine = false;
    else if (this.#line.trim() === "") this.#nested = undefined;
    this.#line = "";
    this.#span = 0;
    if (this.#fence !== undefined) this.#fence.isOfLine = false;
  }

  /** Reads a run of backticks or of tildes: of a fence, or of code in a line. */
  #run(run: string): void {
    const isPlace = run.length >= 3 && FENCE_PLACE.test(this.#line);
    if (this.#fence?.isOfLine && run[0] === "`") this.#fence = undefined; // code within the line
    else if (this.#fence !== undefined) {
      if (isPlace && run.startsWith(this.#fence.mark)) this.#fence = undefined;
    } else if (isPlace && this.#thoughts === undefined) this.#fence = { mark: run, isOfLine: true };
    else if (run.startsWith("`"))
      this.#span = this.#span === 0 ? run.length : this.#span === run.length ? 0 : this.#span;
    this.#add(run);
  }

  #tag(tag: string, { dialect, isOpen }: Tag, behind: string): void {
    const isCode = this.#fence !== undefined || (this.#span > 0 && (isOpen || behind[0] === "`"));
    if (this.#thoughts !== undefined) {
      const isSame = dialect === this.#thoughts.dialect && !isCode;
      if (isSame && !isOpen) return this.#endThoughts(this.#thoughts);
      if (isSame) this.#thoughts.nested += 1;
    } else if (isOpen) {
      if (!isCode && this.#mayBegin(dialect)) return this.#beginThoughts(tag, dialect);
      this.#maybeBegun &&= dialect.isCommon === true;
    } else if (!isCode && this.#mayEnd(dialect, behind)) return this.#restart();
    this.#add(tag);
  }

  #mayBegin({ isCommon = false }: Dialect): boolean {
    return !this.#hasText || (this.#hasThoughts && !isCommon && this.#line.trim() === "");
  }

  #beginThoughts(tag: string, dialect: Dialect): void {
    this.#before = this.#hasText ? this.soFar : "";
    this.#since = "";
    this.#thoughts = { dialect, text: tag, nested: 0, isFirst: !this.#hasText };
    this.#hasThoughts ||= !this.#hasText;
    this.#maybeBegun = false;
  }

  #endThoughts({ dialect, nested }: { dialect: Dialect; nested: number }): void {
    this.#thoughts = undefined;
    this.#nested = nested === 0 ? undefined : { dialect, count: nested, isOfLine: true };
    this.#line = "";
    this.#span = 0;
  }

  /** True for an end that belongs to no beginning, and yet ends thoughts. */
  #mayEnd(dialect: Dialect, behind: string): boolean {
    if (!this.#hasText) return true;
    const isAtEnd = LINE_END.test(behind);
    if (this.#nested?.dialect === dialect && (isAtEnd || this.#nested.isOfLine))
      return (this.#nested.count -= 1) >= 0;
    return this.#maybeBegun && !dialect.isCommon && isAtEnd;
  }

  /** Makes thoughts of the text behind the newest thoughts. */
  #restart(): void {
    this.#since = "";
    this.#hasText = this.#before !== "";
    this.#hasThoughts = true;
    this.#maybeBegun = false;
    this.#line = "";
    this.#span = 0;
  }
}

/** The answer without thoughts. */
export function withoutThoughts(text: string): string {
  const answer = new AnswerText();
  answer.push(text);
  return answer.end();
}

/** The beginning of a tag that the end of the text may be; its length where there is none. */
function beginOfTag(text: string, from: number): number {
  const end = text.slice(Math.max(from, text.length - LONGEST_TAG + 1)).toLowerCase();
  for (const { index } of end.matchAll(/[<[◁]/g)) {
    const rest = end.slice(index);
    if (TAG_NAMES.some((tag) => tag.startsWith(rest))) return text.length - rest.length;
  }
  return text.length;
}

function withoutEnds(text: string): string {
  let rest = text;
  for (;;) {
    const trimmed = rest.trimEnd();
    const mark = ENDS.find((one) => trimmed.endsWith(one));
    if (mark === undefined) return rest;
    rest = trimmed.slice(0, -mark.length);
  }
}

// Blocks of Markdown that have an end of their own: code in fences, and HTML (CommonMark 0.31, 4.5 and 4.6).

/** A code block. Its fence is longer than any run of its sign in the text, so that the text cannot end it. */
export function fenced(text: string, language = ""): string {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}${language}\n${text}\n${fence}`;
}

/** The length of the longest run of backticks. */
export const longestRun = (text: string): number =>
  (text.match(/`+/g) ?? []).reduce((longest, run) => Math.max(longest, run.length), 0);

const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
const HTML: readonly (readonly [begin: RegExp, end: string])[] = [
  ...["script", "pre", "style", "textarea"].map(
    (name) => [new RegExp(`^ {0,3}<${name}(?:\\s|>|$)`, "i"), `</${name}>`] as const,
  ),
  [/^ {0,3}<!--/, "-->"],
  [/^ {0,3}<\?/, "?>"],
  [/^ {0,3}<!\[CDATA\[/, "]]>"],
];

/** The end of the block that the text leaves open, which would take in what follows the text; undefined without one. */
export function missingEnd(text: string): string | undefined {
  let end: string | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (end === undefined) end = endOf(line);
    else if (isEnd(line, end)) end = undefined;
  }
  return end;
}

/** The end of the block that the line begins, unless the line has it. */
function endOf(line: string): string | undefined {
  const fence = FENCE.exec(line)?.[1];
  if (fence !== undefined) return fence;
  const end = HTML.find(([begin]) => begin.test(line))?.[1];
  return end === undefined || line.toLowerCase().includes(end) ? undefined : end;
}

function isEnd(line: string, end: string): boolean {
  const sign = end[0]!;
  if (sign !== "`" && sign !== "~") return line.toLowerCase().includes(end);
  const run = line.trim();
  return /^ {0,3}\S/.test(line) && run.length >= end.length && run === sign.repeat(run.length);
}

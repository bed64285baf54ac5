// Numbers of JSON that JavaScript would change silently: 9007199254740993 becomes …992, 1e400 becomes infinite. They
// are parsed as their text, so that storing one can be refused.

/** A number as its text; `JSON.stringify` writes the same text again. */
export interface WrittenNumber {
  readonly rawJSON: string;
}

/** Part of ES2026: Node has these functions, TypeScript's library does not declare them yet. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): WrittenNumber;
  isRawJSON(value: unknown): value is WrittenNumber;
};

export const isWrittenNumber = isRawJSON;

/** Text that may hold such a number: one with 16 digits, or with a large exponent. Most texts hold none. */
const SUSPICIOUS = /(?:^|[\s:,[-])\d(?:[\d.]{15}|[\d.]*[eE][-+]?0*\d{3})/;

export const mayHaveInexact = (json: string): boolean => SUSPICIOUS.test(json);

/** Parse like `JSON.parse`, but make a number that would change a `WrittenNumber`. @throws SyntaxError */
export const parseExactly = (json: string): unknown =>
  mayHaveInexact(json)
    ? JSON.parse(json, ((_key: string, value: unknown, { source }: { source?: string }) =>
        typeof value === "number" && source !== undefined && !isExact(source, value)
          ? rawJSON(source)
          : value) as Parameters<typeof JSON.parse>[1])
    : JSON.parse(json);

/** Reason why a number cannot be stored, for an error. */
export function whyInexact({ rawJSON: written }: WrittenNumber): string {
  const shown = written.length > 40 ? `${written.slice(0, 40)}…` : written;
  const value = Number(written);
  if (!Number.isFinite(value))
    return `is ${shown}, which is too large for a number: send it as text.`;
  if (value === 0) return `is ${shown}, which is too small for a number: send it as text.`;
  return `is ${shown}, which has more digits than a number keeps: send it as text.`;
}

/** True also for other spellings of a number: 1.0 for 1, 1e3 for 1000. */
const isExact = (written: string, value: number): boolean =>
  Number.isFinite(value) && decimalOf(written) === decimalOf(String(value));

/** Canonical decimal text: equal numbers have equal text. */
function decimalOf(written: string): string {
  const [, sign, whole, fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(written)!;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  let length = digits.length;
  while (digits[length - 1] === "0") length -= 1;
  if (length === 0) return "0";
  const power = Number(exponent) - fraction.length + digits.length - length;
  return `${sign}${digits.slice(0, length)}e${power}`;
}

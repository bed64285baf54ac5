// Numbers of JSON that JavaScript would change without a word: 9007199254740993 becomes …992, 1e400 becomes infinite. They
// are read as what was written, so that whoever would store one can refuse it.

/** A number as it was written; `JSON.stringify` writes it so again. */
export interface WrittenNumber {
  readonly rawJSON: string;
}

/** As of ES2026: Node has them, TypeScript's library does not know them yet. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): WrittenNumber;
  isRawJSON(value: unknown): value is WrittenNumber;
};

export const isWrittenNumber = isRawJSON;

/** Text that may have such a number in it: with 16 digits, or a large exponent. Most texts have none. */
const SUSPICIOUS = /(?:^|[\s:,[-])\d(?:[\d.]{15}|[\d.]*[eE][-+]?0*\d{3})/;

export const mayHaveInexact = (json: string): boolean => SUSPICIOUS.test(json);

/** As `JSON.parse`, but a number that would change becomes a `WrittenNumber`. @throws SyntaxError */
export const parseExactly = (json: string): unknown =>
  mayHaveInexact(json)
    ? JSON.parse(json, ((_key: string, value: unknown, { source }: { source?: string }) =>
        typeof value === "number" && source !== undefined && !isExact(source, value)
          ? rawJSON(source)
          : value) as Parameters<typeof JSON.parse>[1])
    : JSON.parse(json);

/** Why a number cannot be kept, for an error. */
export function whyInexact({ rawJSON: written }: WrittenNumber): string {
  const shown = written.length > 40 ? `${written.slice(0, 40)}…` : written;
  const value = Number(written);
  if (!Number.isFinite(value))
    return `is ${shown}, which is too large for a number: send it as text.`;
  if (value === 0) return `is ${shown}, which is too small for a number: send it as text.`;
  return `is ${shown}, which has more digits than a number keeps: send it as text.`;
}

/** 1.0 and 1e3 are other ways to write 1 and 1000. */
const isExact = (written: string, value: number): boolean =>
  Number.isFinite(value) && decimalOf(written) === decimalOf(String(value));

/** The same text for the same number, however it is written. */
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

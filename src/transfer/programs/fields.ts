// Guards for values of other programs' files, which may be of any shape. Readers ask for what they need, and get nothing
// for what is not there: an odd field never loses the rest.
import { isObject } from "../../lib/json/objects.ts";
import { shortened } from "../../lib/text/text.ts";

export type Fields = Readonly<Record<string, unknown>>;

export const isFields: (value: unknown) => value is Fields = isObject;

/** The fields of an object; none for anything else. */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : NONE);

const NONE: Fields = Object.freeze({});

export const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? (value as unknown[]) : [];

/** The first text that is not empty; null if there is none. A number is taken for an id. */
export function textOf(...values: unknown[]): string | null {
  for (const value of values) {
    if (typeof value === "string" && value !== "") return value;
    if (typeof value === "number") return String(value);
  }
  return null;
}

/** Text alone, without an empty one. */
export const wordsOf = (value: unknown): string[] =>
  typeof value === "string" && value.trim() !== "" ? [value] : [];

const MAX_MODEL_CHARACTERS = 100;

/** The name of a model. */
export const modelOf = (...values: unknown[]): string | null =>
  textOf(...values.filter((value) => typeof value === "string"))?.slice(0, MAX_MODEL_CHARACTERS) ??
  null;

/** Above these, a number counts milliseconds, microseconds or nanoseconds, not seconds. */
const UNITS = [
  { above: 1e17, ms: 1e-6 },
  { above: 1e14, ms: 1e-3 },
  { above: 1e11, ms: 1 },
  { above: 0, ms: 1_000 },
] as const;

/** The first usable time, in milliseconds: a number, also as text, or ISO text. Programs write 0 for no time. */
export function timeOf(...values: unknown[]): number | null {
  for (const value of values) {
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    const unit = typeof number === "number" ? UNITS.find(({ above }) => number > above) : undefined;
    const ms =
      unit === undefined
        ? Date.parse(typeof value === "string" ? value : "")
        : (number as number) * unit.ms;
    if (Number.isFinite(ms) && ms > 0 && ms <= 8.64e15) return Math.round(ms);
  }
  return null;
}

/** Maximum length of an id or title in a report; a file may hold any text. */
const MAX_LABEL_BYTES = 200;

export function labelOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? shortened(value, MAX_LABEL_BYTES) : null;
}

// The text that goes into a program's configuration file.
import { stringify } from "smol-toml";
import type { ConfiguredProgram } from "./programs.ts";

/** An object that has `entry` at this path, and nothing else. */
export const nested = (path: readonly string[], entry: object): object =>
  path.reduceRight<object>((inner, name) => ({ [name]: inner }), entry);

export const json = (value: unknown): string => JSON.stringify(value, undefined, 2);

/** A whole file with one server, in the program's format. */
export function snippet({ format, servers }: ConfiguredProgram, entry: object): string {
  const whole = nested([...servers, "holdfast"], entry);
  return format === "json" ? json(whole) : stringify(whole).trimEnd();
}

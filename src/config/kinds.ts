// The kinds of settings: the reader of each, and its words in the help and in faults.
import { homedir } from "node:os";
import bytes from "bytes";
import ms from "ms";
import { isPrivateUrl } from "../lib/loopback.ts";
import { eitherOf } from "../lib/text/expected.ts";
import { type ContextTokens, readContextTokens } from "./context-tokens.ts";
import { DATABASE_URL, databaseUrlFault, isMeantAsUrl } from "./database-url.ts";
import { readToolsets, TOOLSET_NAMES, type ToolsetName } from "./toolsets.ts";

/** A kind of value, with the reader of its text. */
export interface Kind<T> {
  /** Stands for a value in the help: `duration`. */
  placeholder: string;
  /** Completes the sentence "expected …". */
  accepts: string;
  /** The same for one text that is not accepted, where more is known about it. */
  faultOf?(text: string): string | undefined;
  /** The accepted words, if they are few. */
  words?: readonly string[];
  /** Allow the flag without a value, which means `true`. */
  isSwitch?: boolean;
  /** Returns undefined for text that is not of this kind. */
  read(text: string): T | undefined;
}

/** Bound of a thousand years: dates that far ahead can still be written. */
const LONGEST_MS = 1_000 * 365.25 * 86_400_000;

export const duration: Kind<number> = {
  placeholder: "duration",
  accepts: "a duration such as 30d, 12h, 90s or never",
  read(text) {
    if (text === "never") return Infinity;
    if (!/^\d+(\.\d+)?\s*(ms|s|m|h|d|w|y)$/.test(text)) return undefined;
    const value = ms(text as ms.StringValue);
    return value > 0 && value <= LONGEST_MS ? value : undefined;
  },
};

/** Milliseconds of a text such as `30d`; `Infinity` for `never`, undefined for anything else. */
export const readDuration = (text: string): number | undefined => duration.read(text);

/** A duration for timers, which cannot wait longer than 24 days. */
export const interval: Kind<number> = {
  placeholder: "duration",
  accepts: "a duration from 10ms to 24d, such as 10m",
  read(text) {
    const value = duration.read(text);
    return value !== undefined && value >= 10 && value <= 24 * 86_400_000 ? value : undefined;
  },
};

export const size: Kind<number> = {
  placeholder: "size",
  accepts: "a size such as 4mb, 512kb or 1048576",
  read(text) {
    if (!/^\d+(\.\d+)?\s*(b|kb|mb|gb)?$/i.test(text)) return undefined;
    const value = bytes.parse(text);
    return value !== null && value > 0 ? value : undefined;
  },
};

/** A size within the bounds that Node's HTTP server can use for headers. */
export const headerSize: Kind<number> = {
  placeholder: "size",
  accepts: "a size from 1kb to 1mb, such as 16kb",
  read(text) {
    const value = size.read(text);
    return value !== undefined && value >= 1_024 && value <= 1_048_576 ? value : undefined;
  },
};

/** A depth of nesting: each level takes stack when a message is walked through. */
export const depth: Kind<number> = {
  placeholder: "number",
  accepts: "a whole number from 10 to 1000",
  read: (text) =>
    /^\d{2,4}$/.test(text) && Number(text) >= 10 && Number(text) <= 1_000
      ? Number(text)
      : undefined,
};

export const count: Kind<number> = {
  placeholder: "number",
  accepts: "a whole number from 1",
  read: (text) => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined),
};

export const port: Kind<number> = {
  placeholder: "number",
  accepts: "a whole number from 0 to 65535",
  read: (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined),
};

export const flag: Kind<boolean> = {
  placeholder: "true|false",
  accepts: "true or false",
  words: ["true", "false"],
  isSwitch: true,
  read: (text) =>
    new Map([
      ["true", true],
      ["1", true],
      ["false", false],
      ["0", false],
    ]).get(text),
};

export const databaseUrl: Kind<string> = {
  placeholder: "url",
  accepts: DATABASE_URL,
  faultOf: (value) => databaseUrlFault(value.trim()),
  read: (value) => (databaseUrlFault(value.trim()) === undefined ? value.trim() : undefined),
};

/** A path; `~` is the user's folder, also where no shell has read it, as in the configuration of an MCP client. */
const pathOf = (value: string): string =>
  value.trim().replace(/^~(?=$|[\\/])/, () => homedir() || "~");

export const folder: Kind<string> = {
  placeholder: "folder",
  accepts: "text that is not empty",
  read: (value) => pathOf(value) || undefined,
};

/** A folder for data. An address would become a folder that is named after its password. */
export const dataFolder: Kind<string> = {
  placeholder: "folder",
  accepts: "a folder; an address of PostgreSQL belongs into database-url",
  read: (value) => (isMeantAsUrl(value) ? undefined : folder.read(value)),
};

/** A name or an address to listen on. With a scheme or a port, it would count as a name that others can reach. */
export const host: Kind<string> = {
  placeholder: "address",
  accepts: "text that is not empty",
  faultOf: (value) =>
    isHost(value.trim())
      ? undefined
      : "a name or an address alone, such as 127.0.0.1 (the port is a setting of its own)",
  read: (value) => (isHost(value.trim()) ? value.trim() || undefined : undefined),
};

const isHost = (value: string): boolean => !/[\s/?#@]|^[^:]*:\d*$|\]:/.test(value);

export const text = (placeholder: string): Kind<string> => ({
  placeholder,
  accepts: "text that is not empty",
  read: (value) => (value.trim() === "" ? undefined : value.trim()),
});

export const hostNames: Kind<readonly string[]> = {
  placeholder: "names",
  accepts: "host names separated by commas, such as mcp.example.org",
  read(value) {
    const names = value.split(",").map((name) => name.trim().toLowerCase());
    return names.every((name) => /^[a-z0-9.-]+$|^\[[0-9a-f:]+\]$/.test(name)) ? names : undefined;
  },
};

export const names: Kind<readonly string[]> = {
  placeholder: "names",
  accepts: "names separated by commas, such as qwen3,llama3.2",
  read(value) {
    const read = value.split(",").map((name) => name.trim());
    return read.every((name) => /^[^\p{C}\p{Z}]+$/u.test(name)) ? read : undefined;
  },
};

export const toolsets: Kind<readonly ToolsetName[]> = {
  placeholder: "names",
  accepts: `toolsets separated by commas, of ${TOOLSET_NAMES.join(", ")}`,
  read: readToolsets,
};

export const windows: Kind<ContextTokens> = {
  placeholder: "number",
  accepts:
    "a number of tokens from 1000, also for single models, such as 32000 or qwen3=8000,32000",
  read: readContextTokens,
};

export const httpUrl: Kind<string> = {
  placeholder: "url",
  accepts: "an http or https address such as http://127.0.0.1:11434/v1",
  read: (value) => (/^https?:$/.test(URL.parse(value)?.protocol ?? "") ? value : undefined),
};

/** RFC 8414: an address without query and fragment. */
export const issuerUrl: Kind<string> = {
  placeholder: "url",
  accepts:
    "the https address of an issuer, exactly as it writes itself, such as https://id.example.org",
  read(value) {
    const url = URL.parse(value);
    const plain = url && isPrivateUrl(url) && !/[?#@\s]/.test(value);
    return plain ? value : undefined;
  },
};

export const ownUrl: Kind<string> = {
  placeholder: "url",
  accepts: "an http or https address without a path, such as https://mcp.example.org",
  read(value) {
    const url = URL.parse(value);
    const plain = url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
    return plain ? url.origin : undefined;
  },
};

/** Read an origin as browsers send it. Extensions and editors have schemes of their own. */
function readOrigin(text: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*]+$/.test(text)) return undefined;
  return /^https?:/.test(text) ? URL.parse(text)?.origin : text;
}

export const origins: Kind<readonly string[]> = {
  placeholder: "origins",
  accepts: "origins separated by commas, such as https://app.example.org",
  read(value) {
    const read = value.split(",").map((origin) => readOrigin(origin.trim().toLowerCase()));
    const known = read.filter((origin) => origin !== undefined);
    return known.length === read.length ? known : undefined;
  },
};

export const oneOf = <const T extends string>(
  placeholder: string,
  words: readonly T[],
): Kind<T> => ({
  placeholder,
  accepts: eitherOf(words),
  words,
  read: (value) => words.find((word) => word === value),
});

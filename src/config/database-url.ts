// Addresses of PostgreSQL databases: the check of what a user writes, and the parts that may be shown.
import { eitherOf } from "../lib/text/expected.ts";

const SCHEME = /^postgres(?:ql)?:\/\//i;

export const DATABASE_URL =
  "an address of PostgreSQL such as postgres://user:password@host:5432/database";
const ENCODED = "@ : / ? # % in its password percent-encoded, as %40 for @";

type Values = readonly string[] | { test(text: string): boolean; words: string };

const ANY: Values = { test: (text) => text !== "", words: "text that is not empty" };
const NUMBER: Values = {
  test: (text) => /^\d{1,9}$/.test(text),
  words: "a whole number",
};
const PORT: Values = { test: isPort, words: "a whole number from 1 to 65535" };

/** The parameters behind the question mark; docs/postgres.md lists them. */
const PARAMETERS = new Map<string, Values>([
  ["host", ANY],
  ["port", PORT],
  ["user", ANY],
  ["password", ANY],
  ["sslmode", ["disable", "require", "verify-ca", "verify-full", "no-verify"]],
  ["sslrootcert", ANY],
  ["sslcert", ANY],
  ["sslkey", ANY],
  ["sslnegotiation", ["postgres", "direct"]],
  ["ssl", ["true", "1", "false", "0", "no-verify"]],
  ["uselibpqcompat", ["true", "false"]],
  ["application_name", ANY],
  ["options", ANY],
  ["connect_timeout", NUMBER],
  ["statement_timeout", NUMBER],
  ["lock_timeout", NUMBER],
  ["idle_in_transaction_session_timeout", NUMBER],
  ["query_timeout", NUMBER],
  // Each means what Holdfast does anyway.
  ["target_session_attrs", ["any", "read-write", "primary"]],
  ["channel_binding", ["disable", "prefer"]],
  ["gssencmode", ["disable", "prefer"]],
  ["client_encoding", ["UTF8", "utf8"]],
]);

/**
 * Completes "expected …" for a text that is no usable address; undefined for one that is. No part of the text is in it,
 * except the names of parameters.
 */
export function databaseUrlFault(text: string): string | undefined {
  if (!SCHEME.test(text)) return DATABASE_URL;
  // libpq takes an empty host behind a user, and the standard of addresses does not.
  if (/^[^/]+:\/\/[^/@]+@(?::\d+)?\//.test(text))
    return "an address of PostgreSQL with a host; for a socket: postgres://user:password@localhost/database?host=FOLDER";
  if (!URL.canParse(text)) return `${DATABASE_URL}, with one host, and with ${ENCODED}`;
  const url = new URL(text);
  if (isCutByPassword(url)) return `an address of PostgreSQL with ${ENCODED}`;
  if (`${url.hostname}${url.searchParams.get("host") ?? ""}`.includes(","))
    return "an address of PostgreSQL with one host";
  for (const [name, value] of url.searchParams) {
    const values = PARAMETERS.get(name);
    if (values === undefined)
      return `an address of PostgreSQL without the parameter ${name} (docs/postgres.md lists those that Holdfast knows)`;
    const isKnown = "test" in values ? values.test(value) : values.includes(value);
    if (!isKnown)
      return `an address of PostgreSQL whose ${name} is ${"test" in values ? values.words : eitherOf(values)}`;
  }
  const { searchParams } = url;
  if (searchParams.get("sslmode") === "verify-ca" && !searchParams.has("sslrootcert"))
    return "an address of PostgreSQL whose sslmode=verify-ca comes with sslrootcert, a file of certificates";
  return undefined;
}

export function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

/** True if a character of the password has ended it, so that its rest is in another part, or cannot be decoded. */
function isCutByPassword({ username, password, hostname, pathname, search, hash }: URL): boolean {
  if (hash !== "" || search.includes("@") || /@|\/.*\//.test(pathname)) return true;
  try {
    return [username, password, hostname, pathname, search]
      .map((part) => decodeURIComponent(part))
      .some((part) => part.includes("\0"));
  } catch {
    return true;
  }
}

/** True for a text that is meant as an address, also a misspelt one: it names no folder, and may have a password. */
export const isMeantAsUrl = (text: string): boolean =>
  /^\s*(?:[a-z][a-z\d+.-]+:\/|postgres(?:ql)?:)/i.test(text) ||
  /\b(?:host|hostaddr|user|password|dbname)\s*=/i.test(text) ||
  /^\s*\/{0,2}[^/\s:]+:[^/\s]*@/.test(text);

/** True for a text that may be an address with a password, and so is not shown. */
export const mayHoldPassword = (text: string): boolean => /@|password/i.test(text);

/** The address without user and password, which may be shown: `postgres://host:5432/database`. */
export function shownUrl(url: string): string {
  const { hostname, port: ownPort, pathname, searchParams } = new URL(url);
  const host = searchParams.get("host") || decodeURIComponent(hostname) || "localhost";
  const port = searchParams.get("port") || ownPort || "5432";
  return host.startsWith("/")
    ? `postgres://${pathname}?host=${host}&port=${port}`
    : `postgres://${host}:${port}${pathname}`;
}

/** Parameters that PostgreSQL's own tools do not know. */
const NOT_OF_LIBPQ = [
  ...["ssl", "uselibpqcompat", "query_timeout"],
  ...["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"],
];

/** `sslmode` in the words of libpq; undefined where the address says nothing of TLS. */
export function libpqMode({ searchParams }: URL): string | undefined {
  const mode = searchParams.get("sslmode") ?? searchParams.get("ssl") ?? undefined;
  const known = new Map([
    ["no-verify", "require"],
    ["true", "verify-full"],
    ["1", "verify-full"],
    ["false", "disable"],
    ["0", "disable"],
  ]);
  return known.get(mode ?? "") ?? mode;
}

/** The address for PostgreSQL's own tools, without the password; `database`: another one on the same server. */
export function toolUrl(address: string, database?: string): string {
  const url = new URL(address);
  const mode = libpqMode(url);
  url.password = "";
  for (const name of ["password", ...NOT_OF_LIBPQ]) url.searchParams.delete(name);
  if (mode !== undefined) url.searchParams.set("sslmode", mode);
  if (database !== undefined) url.pathname = `/${encodeURIComponent(database)}`;
  url.search = url.search.replaceAll("+", "%20"); // libpq takes a plus for itself
  return url.href;
}

/** The name of the database; the user's where the address has none. */
export function databaseName(address: string): string {
  const { pathname, searchParams, username } = new URL(address);
  const name = decodeURIComponent(pathname.slice(1));
  return name || searchParams.get("user") || decodeURIComponent(username) || "holdfast";
}

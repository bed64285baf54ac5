// The driver's settings of an address. TLS is read here as libpq reads it: the driver takes "require" for "verify-full", and prints
// a warning about that before every output.
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type pg from "pg";
import { isPort, libpqMode, shownUrl } from "../../../config/database-url.ts";
import { AppError } from "../../../lib/errors.ts";
import { systemReason } from "../../../lib/system-errors.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** Silence after which the system asks whether the other side is there. */
const KEEP_ALIVE_MS = 10_000;

/** Parameters that are not for the driver, which would read them otherwise or not at all. */
const READ_HERE = [
  ...["sslmode", "ssl", "sslrootcert", "sslcert", "sslkey", "sslnegotiation", "uselibpqcompat"],
  ...["connect_timeout", "target_session_attrs", "channel_binding", "gssencmode"],
];

/** @throws AppError `start` for a certificate that cannot be read */
export function connectionOf(address: string): pg.ClientConfig {
  const url = new URL(address);
  const ssl = tlsOf(url);
  const seconds = url.searchParams.get("connect_timeout");
  const negotiation = url.searchParams.get("sslnegotiation");
  refuseEnvironment(url);
  for (const name of READ_HERE) url.searchParams.delete(name);
  return {
    connectionString: url.href,
    application_name: "holdfast",
    connectionTimeoutMillis: seconds === null ? CONNECT_TIMEOUT_MS : Number(seconds) * 1_000,
    ...{ keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS },
    ...(ssl !== undefined && { ssl }),
    ...(negotiation !== null && { sslnegotiation: negotiation as "postgres" | "direct" }),
  };
}

/** The driver never gets done with a connection to such a port, nor with its end. */
function refuseEnvironment({ href, port, searchParams }: URL): void {
  const given = process.env["PGPORT"];
  if (port || searchParams.has("port") || !given || isPort(given)) return;
  throw new AppError("start", `${shownUrl(href)}: PGPORT is no number of a port.`, {
    hint: "Correct it, or name the port in database-url.",
  });
}

/** Undefined where the address says nothing: PGSSLMODE holds then. */
function tlsOf(url: URL): ConnectionOptions | false | undefined {
  const file = (name: string): string | undefined => url.searchParams.get(name) || undefined;
  const isDirect = url.searchParams.get("sslnegotiation") === "direct";
  const hasFiles = ["sslrootcert", "sslcert", "sslkey"].some((name) => file(name));
  const mode = libpqMode(url) ?? (isDirect || hasFiles ? "verify-full" : undefined);
  if (mode === undefined) return undefined;
  if (mode === "disable") return false;
  const root = file("sslrootcert");
  const isOwnRoot = root !== undefined && root !== "system";
  const options: ConnectionOptions = {
    ...(isOwnRoot && { ca: read(url, "sslrootcert", root) }),
    ...(file("sslcert") && { cert: read(url, "sslcert", file("sslcert")!) }),
    ...(file("sslkey") && { key: read(url, "sslkey", file("sslkey")!) }),
  };
  // libpq, too: with the certificate of an authority, "require" checks it.
  if (mode === "verify-full" || root === "system") return options;
  if (isOwnRoot && !isUnverified(url)) return { ...options, checkServerIdentity: () => undefined };
  return { ...options, rejectUnauthorized: false };
}

const isUnverified = ({ searchParams }: URL): boolean =>
  (searchParams.get("sslmode") ?? searchParams.get("ssl")) === "no-verify";

/** Files by their paths: a later connection does not depend on the disk. */
const files = new Map<string, string>();

function read({ href }: URL, name: string, path: string): string {
  try {
    const text = files.get(path) ?? readFileSync(path, "utf8");
    files.set(path, text);
    return text;
  } catch (error) {
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    throw new AppError("start", `${shownUrl(href)}: ${name} cannot be read: ${reason}.`, {
      hint: `Correct ${name} in the address: ${path}`,
      cause: error,
    });
  }
}

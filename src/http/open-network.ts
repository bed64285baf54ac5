// Keeps a server without authentication from being reachable by accident, also behind a proxy.
import type { networkInterfaces } from "node:os";
import type { Config } from "../config/config.ts";
import { AppError } from "../lib/errors.ts";
import { isLoopback } from "../lib/loopback.ts";
import { commandLine } from "../lib/text/command-line.ts";

/** The settings that let others reach the server, as in `https://mcp.example.org (public-url)`. */
export function openings(
  config: Pick<Config, "host" | "public-url" | "allowed-hosts">,
  { inherited = false }: { inherited?: boolean } = {},
): string[] {
  const { host, "public-url": publicUrl, "allowed-hosts": allowed = [] } = config;
  return [
    ...(inherited || isLoopback(host) ? [] : [`${host} (host)`]),
    ...(publicUrl === undefined || isLoopback(new URL(publicUrl).hostname)
      ? []
      : [`${publicUrl} (public-url)`]),
    ...allowed.filter((name) => !isLoopback(name)).map((name) => `${name} (allowed-hosts)`),
  ];
}

/** Check a server without authentication. @throws AppError `start` if others can reach it */
export function refuseOpenings(found: readonly string[]): void {
  if (found.length === 0) return;
  throw new AppError(
    "start",
    `Others can reach ${found.join(", ")}, and no credentials are required: anyone there could read and change everything.`,
    {
      hint:
        `Create a key (${commandLine("keys create --principal NAME")}), name an issuer of access tokens (--auth-issuer), listen ` +
        "on 127.0.0.1 under no other name, or, if something in front of the server asks for credentials, say so with " +
        "--insecure-no-auth.",
    },
  );
}

/**
 * The addresses by which other machines reach a server on all addresses, spelled as in a URL. Requests may name the
 * `accepted` ones; the `refused` ones are missing from `allowed-hosts`. With a public URL both are empty.
 */
export function ownAddresses(
  config: Pick<Config, "host" | "public-url" | "allowed-hosts">,
  interfaces: ReturnType<typeof networkInterfaces>,
): { accepted: string[]; refused: string[] } {
  const { host, "public-url": publicUrl, "allowed-hosts": allowed = [] } = config;
  const families = { "0.0.0.0": ["IPv4"], "::": ["IPv4", "IPv6"] }[host];
  if (families === undefined || publicUrl !== undefined) return { accepted: [], refused: [] };
  const names = Object.values(interfaces)
    .flatMap((addresses = []) => addresses)
    .filter(({ internal, family }) => !internal && families.includes(family))
    // Skip link-local addresses: one needs its interface, which a URL cannot name.
    .filter(({ address }) => !/^(fe[89ab].:|169\.254\.)/i.test(address))
    .map(({ address }) => (address.includes(":") ? `[${address}]` : address));
  return {
    accepted: names.filter((name) => allowed.includes(name)),
    refused: names.filter((name) => !allowed.includes(name)),
  };
}

// Fetches Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document), whose addresses strangers choose: by
// https only, from public addresses only, without redirects, and within a size and a time. The name is resolved once:
// the address that was checked is the one that is connected to, whatever DNS says a moment later.
import type { LookupAddress } from "node:dns";
import { Resolver } from "node:dns/promises";
import { request } from "node:https";
import { isIP } from "node:net";
import { AppError } from "../lib/errors.ts";
import { isPublicAddress } from "./public-address.ts";

/** The draft recommends 5 KB. */
const MAX_BYTES = 10 * 1024;
const TIMEOUT_MS = 5_000;

/** Fetches a document; resolves to its JSON text. @throws AppError `unavailable` */
export type FetchDocument = (url: string) => Promise<string>;

export interface FetchOptions {
  /** All addresses of a name. */
  resolve?(host: string, signal: AbortSignal): Promise<LookupAddress[]>;
  isAllowed?(address: string): boolean;
  /** Certificate of an authority to trust. */
  ca?: string;
  timeoutMs?: number;
}

/** Asks DNS itself: the system's own look-up has no time limit, and few threads, which a stranger could keep busy. */
async function resolveAll(host: string, signal: AbortSignal): Promise<LookupAddress[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 1 });
  signal.addEventListener("abort", () => resolver.cancel(), { once: true });
  const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  return found.flatMap((answer, index) =>
    answer.status === "fulfilled"
      ? answer.value.map((address) => ({ address, family: index === 0 ? 4 : 6 }))
      : [],
  );
}

/** @throws AppError `unavailable` with the reason */
export function documentFetcher(options: FetchOptions = {}): FetchDocument {
  const { resolve = resolveAll, isAllowed = isPublicAddress, ca, timeoutMs = TIMEOUT_MS } = options;
  return async (text) => {
    const url = URL.parse(text);
    if (url?.protocol !== "https:" || url.username !== "" || url.password !== "")
      throw refused("its address is not a plain https address");
    const signal = AbortSignal.timeout(timeoutMs);
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const found =
      isIP(host) > 0
        ? [{ address: host, family: isIP(host) }]
        : await resolve(host, signal).catch((cause: unknown) => {
            throw refused("its host is not known", cause);
          });
    // All of them: a name with one private address may be meant to reach just that.
    if (found.length === 0 || !found.every(({ address }) => isAllowed(address)))
      throw refused("its host is not known, or not on the public internet");
    return read(url, found[0]!, { signal, ca });
  };
}

function read(
  url: URL,
  { address, family }: LookupAddress,
  { signal, ca }: { signal: AbortSignal; ca: string | undefined },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sent = request(url, {
    agent: false,
    headers: { accept: "application/json" },
    signal,
    lookup: (_host, { all }, done) =>
      all ? done(null, [{ address, family }]) : done(null, address, family),
    ...(ca !== undefined && { ca }),
  });
  sent.on("error", (cause) => reject(refused("it does not answer", cause)));
  sent.on("response", (response) => {
    const fail = (reason: string): void => {
      reject(refused(reason));
      sent.destroy();
    };
    if (response.statusCode !== 200) return fail(`it answers ${response.statusCode}`);
    if (!/^application\/([\w.-]+\+)?json\b/i.test(response.headers["content-type"] ?? ""))
      return fail("it is not JSON");
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.byteLength;
      chunks.push(chunk);
      if (size > MAX_BYTES) fail(`it is larger than ${MAX_BYTES} bytes`);
    });
    response.on("error", (cause) => reject(refused("it broke off", cause)));
    response.on("end", () => resolve(Buffer.concat(chunks).toString()));
  });
  sent.end();
  return promise;
}

const refused = (reason: string, cause?: unknown): AppError =>
  new AppError("unavailable", `The client's metadata document is not used: ${reason}.`, { cause });

// Reserves standard input and output for MCP: tools read nothing, and their writes go to standard error. Not redirected: processes
// that a tool starts with `stdio: "inherit"`, native code, and files such as /dev/stdout.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Readable } from "node:stream";

const STDOUT = 1;
const STDERR = 2;

/** Functions whose first argument is a file descriptor. */
const WRITERS = [
  ...(["write", "writeSync", "writev", "writevSync"] as const),
  ...(["writeFile", "writeFileSync", "appendFile", "appendFileSync"] as const),
];

/** The real standard input. Tools find an empty one: reading or pausing the real one would cut off the client. */
export function reserveStandardInput(): { readonly stream: NodeJS.ReadStream; release(): void } {
  const own = Object.getOwnPropertyDescriptor(process, "stdin")!;
  const stream = process.stdin;
  Object.defineProperty(process, "stdin", { ...own, get: () => Readable.from([]) });
  return { stream, release: () => void Object.defineProperty(process, "stdin", own) };
}

export interface ReservedOutput {
  /** The real standard output. */
  readonly stream: NodeJS.WriteStream;
  /** Ends the redirection. */
  release(): void;
}

export function reserveStandardOutput(): ReservedOutput {
  const own = Object.getOwnPropertyDescriptor(process, "stdout")!;
  const stream = process.stdout; // open it before the writers below are replaced
  const other = standardError();
  Object.defineProperty(process, "stdout", { ...own, get: () => other });
  const writers = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  const originals = WRITERS.map((name) => [name, writers[name]!] as const);
  for (const [name, original] of originals) {
    const elsewhere = (target: unknown, ...rest: unknown[]): unknown =>
      original(target === STDOUT ? STDERR : target, ...rest);
    writers[name] = Object.assign(elsewhere, original);
  }
  syncBuiltinESMExports();
  return {
    stream,
    release() {
      Object.defineProperty(process, "stdout", own);
      for (const [name, original] of originals) writers[name] = original;
      syncBuiltinESMExports();
    },
  };
}

/** Standard error in place of standard output; code that ends the stream has no effect. */
function standardError(): NodeJS.WriteStream {
  const { stderr } = process;
  const end = (last?: unknown): NodeJS.WriteStream => {
    if (typeof last === "string" || last instanceof Uint8Array) stderr.write(last);
    return other;
  };
  const other = Object.create(stderr, {
    end: { value: end },
    destroy: { value: () => other },
  }) as NodeJS.WriteStream;
  return other;
}

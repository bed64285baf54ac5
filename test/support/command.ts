// Commands inside the test's own process, which cost a tenth of a start: their output and exit code. Not for what belongs
// to the process: signals, kills, pipes, lines of the log.
import { Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";
import { reportFailure, runCommand } from "../../src/cli/run.ts";
import type { Terminal } from "../../src/cli/terminal/terminal.ts";
import type { Ended, ServerOptions } from "./process.ts";

export interface ServeCommand {
  readonly url: string;
  readonly port: number;
  /** Standard error so far, without the log. */
  readonly errors: () => string;
  /** Stops as SIGTERM does; resolves to the exit code. */
  stop(): Promise<number | null>;
}

/** Runs a command to its end, as `run` does. */
export async function command(
  args: readonly string[],
  { env = {} }: { env?: Record<string, string> } = {},
): Promise<Ended> {
  const restore = setEnv(env);
  try {
    return await begin(args).ended;
  } finally {
    restore();
  }
}

/** Runs `holdfast serve` as `startServer` does, until `stop` or the test's end. */
export async function serveCommand({
  folder,
  args = [],
  env = {},
  port = 0,
}: Omit<ServerOptions, "program" | "script">): Promise<ServeCommand> {
  const restore = setEnv(env);
  const words = ["serve", "--port", String(port), "--data-dir", folder, ...args];
  const running = begin(words);
  const stop = async (): Promise<number | null> => {
    await running.stop();
    return (await running.ended).code;
  };
  try {
    await Promise.race([running.printed, running.ended]);
    const url = /listens on (\S+)/.exec(running.output())?.[1];
    if (url === undefined) throw new Error(`The server did not start: ${running.errors()}`);
    onTestFinished(async () => void (await stop()));
    return { url, port: Number(new URL(url).port), errors: running.errors, stop };
  } finally {
    restore();
  }
}

interface Running {
  ended: Promise<Ended>;
  /** Resolves at the first output. */
  printed: Promise<void>;
  output(): string;
  errors(): string;
  stop(): Promise<void>;
}

function begin(args: readonly string[]): Running {
  const printed = Promise.withResolvers<void>();
  const [output, errors] = [sink(printed.resolve), sink()];
  let code = 0;
  let stop = (): Promise<void> => Promise.resolve();
  const terminal: Terminal = {
    ...{ input: Readable.from([]), output: output.stream, errors: errors.stream },
    print: (line) => void output.stream.write(`${line}\n`),
    warn: (line) => void errors.stream.write(`${line}\n`),
    setExitCode: () => void (code = 1),
    onStop: (given) => void (stop = given),
  };
  const ended = runCommand(args, terminal)
    .catch((error: unknown) => {
      const failed = reportFailure(error, terminal);
      if (failed === undefined) throw error;
      code ||= failed;
    })
    .then(() => ({ code, stdout: output.text(), stderr: errors.text() }));
  const { promise } = printed;
  return { ended, printed: promise, output: output.text, errors: errors.text, stop: () => stop() };
}

function sink(onWrite: () => void = () => undefined): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(chunk);
      onWrite();
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

/** Variables that running commands have set: the value from before the first of them, and their number. */
const held = new Map<string, { before: string | undefined; commands: number }>();

/** Sets variables until the returned function is called; commands that run at the same time may share one. */
function setEnv(env: Record<string, string>): () => void {
  for (const name of Object.keys(env)) {
    const { before, commands } = held.get(name) ?? { before: process.env[name], commands: 0 };
    held.set(name, { before, commands: commands + 1 });
  }
  Object.assign(process.env, env);
  return () => {
    for (const name of Object.keys(env)) {
      const { before, commands } = held.get(name)!;
      if (commands > 1) {
        held.set(name, { before, commands: commands - 1 });
        continue;
      }
      held.delete(name);
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    }
  };
}

// Time from the start of the process to its first answer, beside bare Hono: of the clone, of the package's bundle, and of
// the binary if it is built. Cold is without compiled files, warm is with those of the start before.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "../scripts/bundle.ts";
import { cpuMicros, startProgram, temporaryFolder } from "./processes.ts";
import { ratio, type Row } from "./row.ts";

const ROUNDS = 9;
const ROOT = join(import.meta.dirname, "..");
const BARE = [process.execPath, join(import.meta.dirname, "servers/bare.mjs")];
/** Where the bundle finds the packages of the clone. */
const BUNDLE = join(ROOT, "node_modules/.cache/holdfast-bench");

interface Times {
  wall: number[];
  processor: number[];
}

export async function* measureFirstAnswer(): AsyncGenerator<Row> {
  await bundle({ folder: BUNDLE });
  const binary = join(ROOT, "dist/holdfast");
  const programs: [name: string, command: readonly string[]][] = [
    ["clone", [process.execPath, join(ROOT, "bin/holdfast.js")]],
    ["package", [process.execPath, join(BUNDLE, "main.mjs")]],
  ];
  for (const [name, command] of programs) {
    yield* compare(`${name}, cold`, command, { warm: false });
    yield* compare(`${name}, warm`, command, { warm: true });
  }
  if (existsSync(binary)) yield* compare("binary", [binary], { warm: false });
}

async function* compare(
  name: string,
  program: readonly string[],
  { warm }: { warm: boolean },
): AsyncGenerator<Row> {
  using open = new DisposableStack();
  const env: NodeJS.ProcessEnv = warm
    ? { NODE_COMPILE_CACHE: temporaryFolder(open) }
    : { NODE_DISABLE_COMPILE_CACHE: "1" };
  const served = [...program, "serve", "--port", "0", "--data-dir", temporaryFolder(open)];
  const none = (): Times => ({ wall: [], processor: [] });
  const [ours, theirs] = [none(), none()];
  for (let round = 0; round <= ROUNDS; round++) {
    const isFirst = round === 0; // makes the database and the compiled files
    await firstAnswer(served, env, isFirst ? none() : ours, isFirst);
    await firstAnswer(BARE, env, isFirst ? none() : theirs, isFirst);
  }
  const what = `first answer, ${name} / bare Hono`;
  yield ratio(what, "ms", { ours: ours.wall, theirs: theirs.wall }, { atMost: 2 });
  yield ratio("the same, processor time", "ms", { ours: ours.processor, theirs: theirs.processor });
}

/** `ends`: let the process end by itself, which stores what it compiled. */
async function firstAnswer(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  times: Times,
  ends: boolean,
): Promise<void> {
  const started = performance.now();
  const server = await startProgram(command, env);
  await (await fetch(new URL("/healthz", server.url))).text();
  times.wall.push(performance.now() - started);
  times.processor.push(cpuMicros(server.pid) / 1000);
  await (ends ? server.stop() : server.kill());
}

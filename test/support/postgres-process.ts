// Starts a PostgreSQL server, in a process of its own: the package that brings it ends its process by itself, with an exit code of its
// own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface PostgresProcess {
  /** The address of a user who may make databases. */
  url: string;
  /** Ends it, orderly or not, and starts it again on the same port. */
  again(how: "restart" | "crash"): Promise<void>;
  stop(): Promise<void>;
}

/** `settings`: of PostgreSQL, such as `fsync=off`. */
export async function startPostgres(...settings: readonly string[]): Promise<PostgresProcess> {
  const script = fileURLToPath(new URL("own-postgres.ts", import.meta.url));
  const child = spawn(process.execPath, [script, ...settings], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done) throw new Error("PostgreSQL did not start.");
    return value;
  };
  return {
    url: await ready(),
    async again(how) {
      child.stdin.write(`${how}\n`);
      await ready();
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

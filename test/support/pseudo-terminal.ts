// Somebody at a real terminal, for commands as processes of their own: a pseudo terminal, which Node cannot make by itself.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { cleanEnv, PROGRAM } from "./process.ts";

/** Types the first argument when a question is there; shows all that the terminal shows. */
const TYPIST = `
import os, pty, sys
shown, typed = b"", False
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data
    if not typed and b"[y/N] " in shown:
        typed = True
        os.write(terminal, sys.argv[1].encode())
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

export const hasTerminals = spawnSync("python3", ["-c", "import pty"]).status === 0;

/** Runs a command of the program to its end, and answers its question with these keys. */
export async function runAtTerminal(
  args: readonly string[],
  keys: string,
): Promise<{ code: number | null; shown: string }> {
  const child = spawn("python3", ["-c", TYPIST, keys, ...PROGRAM, ...args], {
    env: cleanEnv({ TERM: "xterm" }),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [shown, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { code: code as number | null, shown: shown.replaceAll("\r\n", "\n") };
}

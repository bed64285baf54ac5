// Opens a socket and starts programs with it, as systemd does for a socket unit. Node would take connections itself from a
// socket that it opens, so perl holds it.
import { spawn } from "node:child_process";
import { onTestFinished } from "vitest";
import { cleanEnv } from "./process.ts";

const HOLD = `
  use IO::Socket::INET; use POSIX ();
  $| = 1; $^F = 3; # descriptors up to 3 are inherited
  my $socket = IO::Socket::INET->new(Listen => 64, LocalAddr => shift @ARGV, LocalPort => 0) or die "$!";
  POSIX::dup2(fileno $socket, 3) if fileno $socket != 3;
  print "port " . $socket->sockport . "\\n";
  while (<STDIN>) {
    my $pid = fork;
    if (!$pid) { open STDIN, "<", "/dev/null"; $ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1; exec @ARGV }
    print "started $pid\\n";
    waitpid $pid, 0;
    print "ended $pid with " . ($? >> 8) . "\\n";
  }
`;

export interface SocketHolder {
  readonly port: number;
  /** Starts the program once more; resolves to its process id. */
  start(): Promise<number>;
  /** Resolves to what it and its programs print, once that matches: from the last match on. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
}

export async function holdSocket(
  command: readonly string[],
  { address = "127.0.0.1" } = {},
): Promise<SocketHolder> {
  const child = spawn("perl", ["-e", HOLD, address, ...command], { env: cleanEnv() });
  let text = "";
  let heard = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      text += String(chunk);
      heard.resolve();
    });
  const pids: number[] = [];
  onTestFinished(() => {
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // gone already
      }
    }
    child.kill();
  });
  const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const match = pattern.exec(text);
      if (match !== null) {
        text = text.slice(match.index + match[0].length);
        return match;
      }
      heard = Promise.withResolvers();
      await heard.promise;
    }
  };
  const port = Number((await printed(/port (\d+)\n/))[1]);
  return {
    port,
    printed,
    async start() {
      child.stdin.write("start\n");
      const pid = Number((await printed(/started (\d+)\n/))[1]);
      pids.push(pid);
      return pid;
    },
  };
}

// The socket on which systemd hears from its services. Node has none of that kind, so perl listens.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";

const LISTEN = `
  use IO::Socket::UNIX;
  $| = 1;
  my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$!";
  print "bound\\n";
  while (defined $socket->recv(my $message, 4096)) { print "$message\\n" }
`;

/** `heard` gives everything so far. */
export async function notifySocket(path: string): Promise<{ heard: () => string }> {
  const child = spawn("perl", ["-e", LISTEN, path], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill());
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  await once(child.stdout, "data");
  return { heard: () => text };
}

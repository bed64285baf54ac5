// Tells systemd that the server is ready (`Type=notify` in deploy/holdfast.service), so that `systemctl start` returns
// when it listens, and fails when it does not. Node opens no datagram sockets in the file system, and the libraries that
// do want to be compiled; systemd brings a program for it.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { systemReason } from "../../lib/system-errors.ts";

const PROGRAM = "systemd-notify";

/** Does nothing where nobody waits for it. */
export async function tellReady(warn: (line: string) => void): Promise<void> {
  if (process.env["NOTIFY_SOCKET"] === undefined) return;
  try {
    await promisify(execFile)(PROGRAM, ["--ready"]);
  } catch (error) {
    const reason = systemReason(error) ?? "it failed";
    warn(`holdfast: systemd does not know that the server is ready: ${PROGRAM}: ${reason}.`);
  }
}

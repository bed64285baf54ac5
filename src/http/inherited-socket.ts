// The listening socket that systemd opens and hands over (sd_listen_fds(3), deploy/holdfast.socket). It stays open while
// the server is restarted: whoever connects meanwhile waits, and is not refused.
import { AppError } from "../lib/errors.ts";

/** The first descriptor behind the standard ones. */
const FIRST = 3;

/** Its file descriptor; undefined when this process is given none. @throws AppError `start` when it is given several */
export function inheritedSocket(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const { LISTEN_PID, LISTEN_FDS } = env; // the variables are inherited further than the sockets
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined) return undefined;
  if (LISTEN_FDS === "1") return FIRST;
  throw new AppError("start", `${LISTEN_FDS} sockets were handed over; one is expected.`, {
    hint: "Give holdfast.socket one ListenStream=.",
  });
}

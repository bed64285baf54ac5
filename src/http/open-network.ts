// A server that asks nobody for credentials must not be reachable by others by accident.
import { BlockList, isIP } from "node:net";
import { AppError } from "../kernel/errors.ts";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether only this machine reaches the address. A name that is not `localhost` may be anything. */
export function isLoopback(host: string): boolean {
  const version = isIP(host);
  return version === 0
    ? host === "localhost"
    : loopback.check(host, version === 6 ? "ipv6" : "ipv4");
}

/** For a server that asks for no credentials. @throws AppError `start` when others can reach it */
export function checkNetwork(host: string): void {
  if (isLoopback(host)) return;
  throw new AppError(
    "start",
    `Others can reach ${host}, and nobody is asked for credentials: anybody could read and change everything.`,
    {
      hint:
        "Create a key (holdfast keys create --principal NAME), name an issuer of access tokens (--auth-issuer), listen " +
        "on 127.0.0.1, or, if something in front of the server asks for credentials, say so with --insecure-no-auth.",
    },
  );
}

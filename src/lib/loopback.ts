// The addresses that only this machine can reach.
import { BlockList, isIP } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** True for `localhost` and loopback addresses, in brackets or not. Any other name may stand for any address. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  const version = isIP(address);
  return version === 0
    ? address === "localhost"
    : loopback.check(address, version === 6 ? "ipv6" : "ipv4");
}

/** True for an https address, and for an http address on this machine: nothing on the network can read along. */
export const isPrivateUrl = ({ protocol, hostname }: URL): boolean =>
  protocol === "https:" || (protocol === "http:" && isLoopback(hostname));

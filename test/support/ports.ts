// Ports of this machine.
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";

/** Lets a server listen on this machine alone; resolves to its port. Default 0: the system chooses. */
export async function listenLocally(server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const listener = createServer();
  const port = await listenLocally(listener);
  listener.close();
  await once(listener, "close");
  return port;
}

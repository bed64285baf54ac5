// Bounds the open connections. Over the bound, the server closes one that has not yet brought valid credentials: the
// oldest of the address with the most. A client without a key thus cannot keep others out.
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/** Files reserved for the database when the process may open only few. */
const FILES_KEPT = 128;
/** Number of connections after which the system's limit is read again. */
const LOOK_EVERY = 32;

export class OpenConnections {
  readonly #max: number;
  #allowed: number;
  #count = 0;
  #seen = 0;
  /** Sockets without valid credentials by address, the oldest first. */
  readonly #strangers = new Map<string, Set<Socket>>();

  constructor(max: number) {
    this.#max = max;
    this.#allowed = max;
  }

  get count(): number {
    return this.#count;
  }

  add(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    let same = this.#strangers.get(address);
    if (same === undefined) this.#strangers.set(address, (same = new Set()));
    same.add(socket);
    this.#count += 1;
    socket.once("close", () => {
      this.#count -= 1;
      this.#forget(socket, address);
    });
    if (this.#seen++ % LOOK_EVERY === 0) this.#allowed = Math.min(this.#max, filesAllowed());
    if (this.#count > this.#allowed) this.#evict(socket);
  }

  /** Exempt a socket whose request has brought valid credentials. */
  admit(socket: Socket): void {
    this.#forget(socket, socket.remoteAddress ?? "");
  }

  #evict(newcomer: Socket): void {
    let most: Set<Socket> | undefined;
    for (const same of this.#strangers.values())
      if (most === undefined || same.size > most.size) most = same;
    const [oldest = newcomer] = most ?? [];
    this.#forget(oldest, oldest.remoteAddress ?? "");
    oldest.destroy();
  }

  #forget(socket: Socket, address: string): void {
    const same = this.#strangers.get(address);
    if (same?.delete(socket) && same.size === 0) this.#strangers.delete(address);
  }
}

/** Number of connections that the limit on open files leaves room for. */
function filesAllowed(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
    return files - Math.min(FILES_KEPT, Math.ceil(files / 2));
  } catch {
    return Infinity; // not Linux
  }
}

// Who may hold a connection. When there are too many, those of strangers go, which have not yet brought good credentials:
// the oldest of the address that has the most. So nobody without a key keeps others out.
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/** Files that are kept back for the database, when the system allows the process few. */
const FILES_KEPT = 128;
/** The system's limit is looked at again after so many connections. */
const LOOK_EVERY = 32;

export class OpenConnections {
  readonly #max: number;
  #allowed: number;
  #count = 0;
  #seen = 0;
  /** By address, the oldest first. */
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

  /** Its request has brought good credentials. */
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

/** How many connections the limit on open files leaves room for. */
function filesAllowed(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
    return files - Math.min(FILES_KEPT, Math.ceil(files / 2));
  } catch {
    return Infinity; // no Linux
  }
}

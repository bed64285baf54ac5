// The processes on the data folder, and a proxy in front of them that cuts connections.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect as dial, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Faults } from "./faulty-server.ts";

const SCRIPT = join(import.meta.dirname, "faulty-server.ts");

export interface Server {
  readonly port: number;
  readonly pid: number;
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  suffer(faults: Faults): void;
  kill(): Promise<void>;
}

export async function startServer(folder: string, env: Record<string, string>): Promise<Server> {
  const child: ChildProcess = spawn(process.execPath, [SCRIPT, "0", folder], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: { ...process.env, HOLDFAST_LOG_LEVEL: "error", ...env },
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.stdout!.on("data", (chunk) => {
    const port = /:(\d+)\/mcp/.exec(String(chunk))?.[1];
    if (port !== undefined) resolve(Number(port));
  });
  child.once("exit", () => reject(new Error("A server has ended by itself.")));
  return {
    port: await promise,
    pid: child.pid!,
    signal: (signal) => void child.kill(signal),
    suffer: (faults) => void child.send(faults),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

export interface Proxy {
  readonly url: URL;
  /** Cut one of the connections. */
  drop(): void;
  close(): void;
}

/** `port`: of the current server. */
export async function startProxy(port: () => number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = dial(port(), "127.0.0.1");
    sockets.add(near);
    const end = (): void => {
      near.destroy();
      far.destroy();
      sockets.delete(near);
    };
    near.on("error", end).on("close", end);
    far.on("error", end).on("close", end);
    near.pipe(far).pipe(near);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    url: new URL(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`),
    drop: () => [...sockets][Math.floor(Math.random() * sockets.size)]?.destroy(),
    close() {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

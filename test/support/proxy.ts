// Real reverse proxies with the configurations of deploy/, but for names, certificates and ports.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./folder.ts";
import { freePort } from "./ports.ts";

export const deployed = (name: string): string =>
  readFileSync(new URL(`../../deploy/${name}`, import.meta.url), "utf8");

export const isInstalled = (tool: string): boolean =>
  spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;

/** Appended to the name of a test that is skipped for want of a tool. */
export const missing = (...tools: string[]): string => {
  const absent = tools.filter((tool) => !isInstalled(tool));
  return absent.length === 0 ? "" : ` (skipped: ${absent.join(", ")} is not on this machine)`;
};

/** All that nginx needs around a file of conf.d. */
export function nginxConfig(folder: string, site: string): string {
  mkdirSync(join(folder, "tmp"), { recursive: true });
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${join(folder, "tmp", kind)};`,
  );
  const file = join(folder, "nginx.conf");
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${join(folder, "nginx.pid")}; error_log stderr;
    events {} http { access_log off; ${temporary.join(" ")} ${site} }`,
  );
  return file;
}

/** Starts a proxy in front of `upstream`, a port; resolves to its own port. It ends with the test. */
export async function startProxy(kind: "nginx" | "caddy", upstream: number): Promise<number> {
  const [folder, port, other] = [temporaryFolder(), await freePort(), await freePort()];
  let command: string[];
  if (kind === "nginx") {
    const site = deployed("nginx.conf")
      .replace("listen 80;", `listen 127.0.0.1:${other};`)
      .replace("listen 443 ssl;", `listen 127.0.0.1:${port};`)
      .replace(/ssl_certificate.*;/g, "")
      .replace("127.0.0.1:8484", `127.0.0.1:${upstream}`);
    command = ["nginx", "-p", folder, "-c", nginxConfig(folder, site)];
  } else {
    const site = deployed("Caddyfile")
      .replace("mcp.example.org {", `http://127.0.0.1:${port}, http://mcp.example.org:${port} {`)
      .replace("127.0.0.1:8484", `127.0.0.1:${upstream}`);
    const file = join(folder, "Caddyfile");
    writeFileSync(file, `{\n\tadmin off\n}\n${site}`);
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", file];
  }
  const child = spawn(command[0]!, command.slice(1), {
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += String(chunk)));
  const exited = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${kind} did not start: ${errors}`);
    if (await answers(port)) return port;
    await sleep(50);
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

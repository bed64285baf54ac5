// The files of deploy/ are what they say: each is checked by the tool that reads it, where the machine has the tool, and
// the proxies carry real streams.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { envName, loadConfig, settings } from "../../src/config/config.ts";
import { createKey } from "../support/bearer.ts";
import { connect } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { notifySocket } from "../support/notify-socket.ts";
import { browserAt } from "../support/plain-browser.ts";
import { freePort } from "../support/ports.ts";
import { FIXTURE, startServer } from "../support/process.ts";
import { deployed, isInstalled, missing, nginxConfig, startProxy } from "../support/proxy.ts";

const STEPS = 5;
const STEP_MS = 300;

describe("deploy/holdfast.service", () => {
  const file = () => {
    const copy = join(temporaryFolder(), "holdfast.service");
    // The program need not be installed on the machine that runs the tests.
    writeFileSync(
      copy,
      deployed("holdfast.service").replace("/usr/local/bin/holdfast", "/bin/true"),
    );
    return copy;
  };
  const skipped = missing("systemd-analyze");

  it.skipIf(skipped)(`is accepted by systemd-analyze verify${skipped}`, () => {
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", file()], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
  });

  it.skipIf(skipped)(`leaves the service few rights (exposure below 2 of 10)${skipped}`, () => {
    const args = ["security", "--offline=yes", "--threshold=20", file()];
    const { status, stdout } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
    expect(status, stdout).toBe(0);
  });
});

describe("a server that systemd starts", () => {
  const skipped = missing("systemd-notify", "perl");

  it.skipIf(skipped)(`says that it is ready when it listens${skipped}`, async () => {
    const socket = join(temporaryFolder(), "notify");
    const systemd = await notifySocket(socket);
    const env = { NOTIFY_SOCKET: socket };
    const server = await startServer({ folder: temporaryFolder(), env });
    await expect.poll(systemd.heard).toContain("READY=1");
    expect(server.errors()).toBe("");
  });

  it("serves though it cannot say so, and tells why", async () => {
    const env = { NOTIFY_SOCKET: "/nowhere", PATH: "/nowhere" };
    const server = await startServer({ folder: temporaryFolder(), env });
    await expect
      .poll(server.errors)
      .toMatch(/^holdfast: systemd does not know that the server is ready: systemd-notify: .*\n$/);
    expect((await fetch(new URL("/readyz", server.url))).status).toBe(200);
  });
});

describe("deploy/Dockerfile", () => {
  const dockerfile = deployed("Dockerfile");

  it("copies only what is there and what .dockerignore lets through", () => {
    const allowed = readFileSync(new URL("../../.dockerignore", import.meta.url), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap((match) =>
      match[1]!.split(" "),
    );
    expect(copied.toSorted()).toEqual(allowed.toSorted());
    for (const path of copied)
      expect(existsSync(new URL(`../../${path}`, import.meta.url))).toBe(true);
  });

  it("runs as a user without rights, and sets variables that are settings", () => {
    const variables = [...dockerfile.matchAll(/(HOLDFAST_[A-Z_]+)=/g)].map((match) => match[1]!);
    expect(Object.keys(settings).map(envName)).toEqual(expect.arrayContaining(variables));
    expect(dockerfile.indexOf("\nUSER holdfast")).toBeGreaterThan(0);
    expect(dockerfile.indexOf("\nUSER holdfast")).toBeLessThan(dockerfile.indexOf("\nENTRYPOINT"));
  });

  it.skipIf(!isInstalled("bash"))(
    "checks a server's health: well while it runs, ill when it is gone",
    async () => {
      const [, json] = /HEALTHCHECK[^[]*CMD (\[.*\])/.exec(dockerfile)!;
      const [program, ...args] = JSON.parse(json!) as string[];
      const server = await startServer({ folder: temporaryFolder() });
      const env = { ...process.env, HOLDFAST_PORT: String(server.port) };
      expect(spawnSync(program!, args, { env }).status).toBe(0);
      await server.stop();
      expect(spawnSync(program!, args, { env }).status).not.toBe(0);
    },
  );
});

describe("the proxies' configurations", () => {
  const noNginx = missing("nginx", "openssl");
  it.skipIf(noNginx)(`deploy/nginx.conf is accepted by nginx -t${noNginx}`, () => {
    const folder = temporaryFolder();
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    execFileSync(
      "openssl",
      ["req", "-x509", "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", certificate],
      { stdio: "ignore" },
    );
    const site = deployed("nginx.conf")
      .replace(/ssl_certificate .*;/, `ssl_certificate ${certificate};`)
      .replace(/ssl_certificate_key .*;/, `ssl_certificate_key ${key};`);
    const args = ["-t", "-p", folder, "-c", nginxConfig(folder, site)];
    const { status, stderr } = spawnSync("nginx", args, { encoding: "utf8" });
    expect(stderr).not.toMatch(/warn/);
    expect(status, stderr).toBe(0);
  });

  const noCaddy = missing("caddy");
  it.skipIf(noCaddy).each(["Caddyfile", "compose.Caddyfile"])(
    `deploy/%s is accepted by caddy validate${noCaddy}`,
    (name) => {
      const home = temporaryFolder();
      const file = join(home, "Caddyfile");
      writeFileSync(file, deployed(name));
      const env = { ...process.env, HOME: home, HOLDFAST_PUBLIC_URL: "https://mcp.example.org" };
      const { status, stderr } = spawnSync(
        "caddy",
        ["validate", "--adapter", "caddyfile", "--config", file],
        { encoding: "utf8", env },
      );
      expect(status, stderr).toBe(0);
      expect(stderr).not.toMatch(/not formatted/);
    },
  );
});

describe.each(["nginx", "caddy"] as const)("behind %s", (kind) => {
  const skipped = missing(kind);

  it.skipIf(skipped)(
    `a call's progress arrives step by step, not at its end${skipped}`,
    async () => {
      const server = await startServer({ folder: temporaryFolder(), script: FIXTURE });
      const port = await startProxy(kind, server.port);
      const client = await connect("v2", { url: `http://127.0.0.1:${port}/mcp` });
      const times: number[] = [];
      const onprogress = () => void times.push(performance.now());
      const args = { steps: STEPS, step_ms: STEP_MS };
      const { text } = await client.call("count", args, { onprogress });
      expect(text).toBe(`counted to ${STEPS} in run 1`);
      expect(times).toHaveLength(STEPS);
      // Held back, they would all come at once; a busy machine may delay some.
      expect(times.at(-1)! - times[0]!).toBeGreaterThan(((STEPS - 1) * STEP_MS) / 2);
    },
  );

  it.skipIf(skipped)(
    `a call goes on over a SIGKILL of the server, to its result${skipped}`,
    async () => {
      const folder = temporaryFolder();
      const first = await startServer({ folder, script: FIXTURE });
      const url = `http://127.0.0.1:${await startProxy(kind, first.port)}/mcp`;
      const clients = [await connect("v1", { url }), await connect("v2", { url })];
      const calls = clients.map((client) => {
        const begun = Promise.withResolvers<void>();
        const onprogress = () => begun.resolve();
        const args = { steps: STEPS, step_ms: STEP_MS };
        return { begun: begun.promise, done: client.call("count", args, { onprogress }) };
      });
      await Promise.all(calls.map(({ begun }) => begun));
      await first.kill();
      await startServer({ folder, script: FIXTURE, port: first.port });
      for (const { done } of calls) expect((await done).text).toBe(`counted to ${STEPS} in run 2`);
    },
  );

  it.skipIf(skipped)(`a standing stream carries news of others' changes${skipped}`, async () => {
    const server = await startServer({ folder: temporaryFolder() });
    const port = await startProxy(kind, server.port);
    const listening = await connect("v1", { url: `http://127.0.0.1:${port}/mcp?name=shared` });
    await listening.call("state_set", { key: "k", value: 1 });
    const { data } = await listening.call("session_info");
    const uri = `holdfast://sessions/${String(data["session"])}/state/k`;
    await listening.follow(uri);
    const other = await connect("v2", { url: `${server.url}?name=shared` });
    await other.call("state_set", { key: "k", value: 2 });
    await expect.poll(() => listening.updates).toContain(uri);
  });

  it.skipIf(skipped)(`the console takes a file as large as max-upload${skipped}`, async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${await startProxy(kind, port)}`;
    await startServer({ folder: temporaryFolder(), port, args: ["--public-url", url] });
    const browser = browserAt(url);
    const file = "x".repeat(loadConfig()["max-upload"]);
    expect((await browser.upload(file)).status).toBe(303);
  });

  it.skipIf(skipped)(
    `the public name reaches the server, and other names do not${skipped}`,
    async () => {
      const args = ["--public-url", "https://mcp.example.org"];
      const folder = temporaryFolder();
      await createKey(folder, "--principal", "ada");
      const server = await startServer({ folder, args });
      const port = await startProxy(kind, server.port);
      expect(await statusOf(port, "mcp.example.org")).toBe(200);
      expect(await statusOf(server.port, "evil.example.org")).toBe(403);
    },
  );
});

const statusOf = (port: number, name: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const headers = { host: `${name}:${port}` };
    request({ port, host: "127.0.0.1", path: "/healthz", headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once("error", reject)
      .end();
  });

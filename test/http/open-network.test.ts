// A server that others can reach wants credentials, or somebody's word that something else asks for them.
import { once } from "node:events";
import { createServer } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { ownAddresses } from "../../src/http/open-network.ts";
import { createHoldfast, type Settings } from "../../src/index.ts";
import { createKey, knock } from "../support/bearer.ts";
import { command, serveCommand } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { startServer } from "../support/process.ts";

const OPEN = ["--host", "0.0.0.0"];

/** The same server as this machine reaches it. */
const near = ({ port }: { port: number }): string => `http://127.0.0.1:${port}/mcp`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

describe("on an address that others can reach", () => {
  it.each(["0.0.0.0", "::", "::ffff:127.0.0.1.example", "holdfast.example", "192.0.2.1"])(
    "a server that asks for no credentials does not start: %s",
    async (host) => {
      const port = await freePort();
      const folder = temporaryFolder();
      const { code, stdout, stderr } = await command([
        ...["serve", "--host", host, "--port", String(port), "--data-dir", folder],
      ]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      for (const way of ["keys create", "--auth-issuer", "127.0.0.1", "--insecure-no-auth"])
        expect(stderr).toContain(way);
      await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
    },
  );

  it.each<[string, Settings]>([
    ["public-url", { "public-url": "https://mcp.example.org" }],
    ["public-url", { "public-url": "http://192.0.2.1:8484" }],
    ["allowed-hosts", { "allowed-hosts": "localhost, mcp.example.org" }],
  ])("it does not start under a name that a proxy may serve either: %s", async (name, config) => {
    const refused = { code: "start", message: expect.stringContaining(name) as string };
    await expect(serveHere({ config })).rejects.toMatchObject(refused);
    const env = Object.fromEntries(
      Object.entries(config).map(([key, value]) => [
        `HOLDFAST_${key.toUpperCase().replaceAll("-", "_")}`,
        String(value),
      ]),
    );
    const settings = { port: 0, "data-dir": temporaryFolder() };
    await expect(createHoldfast({ env }).run("http", settings)).rejects.toMatchObject(refused);
    const open = await serveHere({ config: { ...config, "insecure-no-auth": true } });
    expect((await knock(open.url)).status).toBe(200);
  });

  it("names of this machine let nobody else in", async () => {
    const config = { "public-url": "http://localhost:9000", "allowed-hosts": "127.0.0.2, [::1]" };
    expect((await knock((await serveHere({ config })).url)).status).toBe(200);
  });

  it("it starts with a key, and wants it", async () => {
    const folder = temporaryFolder();
    const { key } = await createKey(folder, "--principal", "ada");
    const server = await startServer({ folder, args: OPEN });
    expect(server.errors()).toBe("");
    expect((await knock(near(server))).status).toBe(401);
    expect((await knock(near(server), key as string)).status).toBe(200);
  });

  it("it starts with an issuer, even one that is down, and wants credentials", async () => {
    const issuer = `http://127.0.0.1:${await freePort()}`;
    const args = [...OPEN, "--auth-issuer", issuer, "--public-url", "https://mcp.example.org"];
    const server = await startServer({ folder: temporaryFolder(), args });
    expect((await knock(near(server))).status).toBe(401);
  });

  it("it starts with --insecure-no-auth, says what that means, and asks nobody", async () => {
    const folder = temporaryFolder();
    const server = await serveCommand({ folder, args: [...OPEN, "--insecure-no-auth"] });
    expect(server.errors()).toMatch(/anyone who reaches this server/);
    expect((await knock(near(server))).status).toBe(200);
    await createKey(folder, "--principal", "ada");
    expect((await knock(near(server))).status).toBe(401);
  });
});

const on = (address: string, internal = false): NetworkInterfaceInfo => ({
  ...{ address, internal, netmask: "", mac: "", cidr: null },
  ...(address.includes(":") ? { family: "IPv6", scopeid: 0 } : { family: "IPv4" }),
});

it.each<[object, string[], string[]]>([
  [{ host: "0.0.0.0" }, [], ["192.0.2.7"]],
  [{ host: "::" }, [], ["192.0.2.7", "[2001:db8::7]"]],
  [{ host: "::", "allowed-hosts": ["[2001:db8::7]"] }, ["[2001:db8::7]"], ["192.0.2.7"]],
  [{ host: "0.0.0.0", "public-url": "https://mcp.example.org" }, [], []],
  [{ host: "192.0.2.7" }, [], []],
])(
  "with %j the addresses that work and those that need a name are told apart",
  (config, ...told) => {
    const eth0 = [on("192.0.2.7"), on("2001:db8::7"), on("fe80::7"), on("169.254.1.1")];
    const interfaces = { lo: [on("127.0.0.1", true), on("::1", true)], eth0 };
    const { accepted, refused } = ownAddresses(config as Config, interfaces);
    expect([accepted, refused]).toEqual(told);
  },
);

it("a server on all addresses says one that works", async () => {
  const { url } = await serveHere({ config: { host: "0.0.0.0", "insecure-no-auth": true } });
  expect(new URL(url).hostname).toBe("127.0.0.1");
  expect((await knock(url)).status).toBe(200);
});

it.each(["127.0.0.1", "127.1.2.3", "localhost", "::1"])(
  "on loopback a server starts without credentials: %s",
  async (host) => {
    const server = await startServer({ folder: temporaryFolder(), args: ["--host", host] });
    expect(server.errors()).toBe("");
    expect((await knock(server.url)).status).toBe(200);
  },
);

// Connections to PostgreSQL: TLS as libpq's sslmode says it, and a reason with advice for what does not connect.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { CERTIFICATE, EXPIRED_CERTIFICATE } from "../support/certificate.ts";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { listenLocally } from "../support/ports.ts";
import { type PostgresProcess, startPostgres } from "../support/postgres-process.ts";
import { withClient } from "../support/postgres.ts";
import { run } from "../support/process.ts";

let server: PostgresProcess;
beforeAll(async () => {
  server = await startPostgres("ssl=on", "fsync=off");
});
afterAll(() => server.stop());

/** The server's address with other parts. */
function address(
  parameters: Readonly<Record<string, string>> = {},
  parts: Partial<Record<"hostname" | "port" | "password" | "pathname", string>> = {},
): string {
  const url = new URL(server.url);
  Object.assign(url, parts);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** What `keys list` says there; empty after success. */
async function failure(url: string): Promise<string> {
  const { code, stderr } = await command(["keys", "list"], { env: { HOLDFAST_DATABASE_URL: url } });
  expect(code, stderr).toBe(stderr === "" ? 0 : 1);
  expect(stderr).not.toContain(new URL(server.url).password);
  return stderr;
}

async function listening(tcp: Server): Promise<string> {
  onTestFinished(() => void tcp.close());
  return String(await listenLocally(tcp));
}

it("checks the certificate as far as sslmode says", async () => {
  await command(["keys", "create", "--principal", "ada", "--database-url", server.url]);
  const sslrootcert = join(temporaryFolder(), "root.crt");
  writeFileSync(sslrootcert, CERTIFICATE);
  const works: [Record<string, string>, hostname?: string][] = [
    [{ sslmode: "disable" }],
    [{ ssl: "false" }],
    [{ sslmode: "require" }],
    [{ sslmode: "no-verify" }],
    [{ sslmode: "verify-ca", sslrootcert }],
    [{ sslmode: "verify-full", sslrootcert }, "localhost"],
    [{ sslrootcert }, "localhost"],
    [{ sslmode: "require", sslnegotiation: "direct", uselibpqcompat: "true" }],
  ];
  for (const [parameters, hostname = "127.0.0.1"] of works)
    expect(await failure(address(parameters, { hostname })), JSON.stringify(parameters)).toBe("");
  const untrusted = await failure(address({ sslmode: "verify-full" }, { hostname: "localhost" }));
  expect(untrusted).toContain("sslrootcert=FILE");
  expect(await failure(address({ sslmode: "verify-full", sslrootcert }))).toContain("another host");
  expect(await failure(address({ sslrootcert: "/nowhere.crt" }))).toContain(
    "sslrootcert cannot be",
  );
});

it("says that the server's certificate has expired, where it is checked", async () => {
  const sslrootcert = join(temporaryFolder(), "root.crt");
  writeFileSync(sslrootcert, EXPIRED_CERTIFICATE + CERTIFICATE);
  const parts = { hostname: "localhost" };
  const checked = address({ sslmode: "verify-full", sslrootcert }, parts);
  await withClient(server.url, async (client) => {
    const { rows } = await client.query<{ file: string }>(
      "SELECT current_setting('data_directory') || '/expired.crt' AS file",
    );
    const { file } = rows[0]!;
    const lines = EXPIRED_CERTIFICATE.trim()
      .split("\n")
      .map((line) => `('${line}')`);
    await client.query(`COPY (VALUES ${lines.join(", ")}) TO '${file}'`);
    const use = async (setting: string): Promise<void> => {
      await client.query(`ALTER SYSTEM ${setting}`);
      await client.query("SELECT pg_reload_conf()");
    };
    await use(`SET ssl_cert_file = '${file}'`);
    try {
      await expect
        .poll(() => failure(checked))
        .toMatch(/^holdfast: .*its certificate has expired\. Renew the server's certificate\.\n$/);
      expect(await failure(address({ sslmode: "require" }, parts))).toBe("");
    } finally {
      await use("RESET ssl_cert_file");
    }
    await expect.poll(() => failure(checked)).toBe("");
  });
});

it("prints no warning of the driver", async () => {
  const env = { HOLDFAST_DATABASE_URL: address({ sslmode: "require" }) };
  expect(await run(["keys", "list"], { env })).toMatchObject({ code: 0, stderr: "" });
});

it("says where a server that wants TLS gets none, and one that has none is asked for it", async () => {
  await withClient(server.url, async (client) => {
    const { rows } = await client.query<{ file: string; old: string }>(
      "SELECT current_setting('hba_file') AS file, pg_read_file(current_setting('hba_file')) AS old",
    );
    const { file, old } = rows[0]!;
    const write = async (text: string): Promise<void> => {
      const lines = text.split("\n").map((line) => `('${line.replaceAll("'", "''")}')`);
      await client.query(`COPY (VALUES ${lines.join(", ")}) TO '${file}'`);
      await client.query("SELECT pg_reload_conf()");
    };
    await write("hostssl all all all scram-sha-256");
    try {
      await expect.poll(() => failure(server.url)).toContain("?sslmode=verify-full");
      expect(await failure(address({ sslmode: "require" }))).toBe("");
      const none = await failure(address({ sslmode: "require" }, { password: "" }));
      expect(none).toContain("no password is given");
    } finally {
      await write(old.replaceAll(/^#.*\n|\t/gm, ""));
    }
  });
  const plain = await startPostgres("fsync=off");
  onTestFinished(() => plain.stop());
  expect(await failure(`${plain.url}?sslmode=require`)).toContain("it offers no TLS");
});

it("says which part of the address is wrong", async () => {
  expect(await failure(address({}, { password: "" }))).toContain("PGPASSWORD");
  expect(await failure(address({}, { pathname: "/another" }))).toContain("createdb another");
  const socket = address({ host: temporaryFolder() });
  expect(await failure(socket)).toContain("no socket of PostgreSQL");
  const web = await listening(createServer());
  expect(await failure(address({}, { port: web }))).toContain("correct the port");
  const open = new Set<Socket>();
  const silent = createTcpServer((connection) => void open.add(connection));
  onTestFinished(() => {
    for (const connection of open) connection.destroy();
  });
  const port = await listening(silent);
  expect(await failure(address({ connect_timeout: "1" }, { port }))).toContain(
    "it does not answer",
  );
});

it("refuses what it does not do, in one line that says what to write", async () => {
  expect(await failure(address({ sslmode: "require", channel_binding: "require" }))).toMatch(
    /^holdfast: .*database-url: expected .* whose channel_binding is disable or prefer.*\n$/i,
  );
  expect(await failure(address({ channel_binding: "prefer" }))).toBe("");
  const env = { HOLDFAST_DATABASE_URL: address({ channel_binding: "require" }) };
  const { code, stdout } = await command(["doctor"], { env });
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^fail {2}settings: database-url: .*whose channel_binding is disable or prefer.*$/m,
  );
});
it("ends where PGPORT is no number", async () => {
  vi.stubEnv("PGPORT", "abc");
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await failure(address({}, { port: "" }))).toContain("PGPORT");
});

// Addresses of PostgreSQL as people write them: a fault is told before anything is opened, and no part of a password with it.
import { expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { shownUrl } from "../../src/config/database-url.ts";
import { command } from "../support/command.ts";

/** The faults that these settings have, as one text. */
function faults(flags: object, env: Record<string, string> = {}): string {
  try {
    loadConfig({ flags, env });
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

it("an address whose password has ended it is refused without a part of the password", () => {
  for (const url of [
    "postgres://ada:12/sec:ret@host/x",
    "postgres://ada:sec/ret@host/x",
    "postgres://ada:12?sec=ret@host/x",
    "postgres://ada:12#secret@host/x",
    "postgres://ada:sec%ret@host/x",
    "postgres://ada:secret%ff@host/x",
    "postgres://ada:secret%00@host/x",
    "postgres://ada:12/secret",
  ]) {
    const text = faults({ "database-url": url });
    if (!url.endsWith("/secret")) expect(text, url).toContain("percent-encoded");
    expect(text).not.toMatch(/sec|ret\b/);
  }
  expect(faults({ "database-url": "postgres://ada:s%40%2F%3A%3F%23%25@host/x" })).toBe("");
  expect(faults({ "database-url": "postgres://ada:s@cret@host/x" })).toBe("");
});

it("a port, a list of hosts, and parameters that mean nothing here are named", () => {
  const fault = (rest: string): string => faults({ "database-url": `postgres://ada:pw@${rest}` });
  expect(fault("host/x?port=abc")).toContain("whose port is a whole number from 1 to 65535");
  expect(fault("one,two/x")).toContain("one host");
  expect(fault("/x?host=/var/run/postgresql")).toContain("@localhost/database?host=FOLDER");
  expect(fault("localhost/x?host=/var/run/postgresql")).toBe("");
  expect(fault("localhost/x?host=one,two")).toContain("one host");
  expect(fault("host/x?sslmode=banana")).toMatch(/whose sslmode is disable, require, .+ or/);
  expect(fault("host/x?ssl=maybe")).toContain("whose ssl is");
  expect(fault("host/x?sslmode=verify-ca")).toContain("sslrootcert");
  expect(fault("host/x?query_timeout=abc")).toContain("whose query_timeout is a whole number");
  expect(fault("host/x?target_session_attrs=standby")).toContain("whose target_session_attrs is");
  expect(fault("host/x?pgbouncer=true")).toContain("without the parameter pgbouncer");
  expect(fault("host/x?sslmode=require&connect_timeout=5&application_name=a")).toBe("");
  expect(fault("host/x")).toBe("");
});

it("two places for the data, or a listen-url without a database, are a fault that says which to leave out", () => {
  const env = { HOLDFAST_DATABASE_URL: "postgres://ada:pw@host/x" };
  const both = faults({ "data-dir": "here" }, env);
  expect(both).toContain("HOLDFAST_DATABASE_URL");
  expect(both).toContain("leave out one");
  expect(both).toContain('got "here"');
  const alone = faults({}, { HOLDFAST_LISTEN_URL: "postgres://ada:pw@host/x" });
  expect(alone).toContain("database-url is not set");
  expect(alone).not.toContain("ada");
});

it("an address in place of a folder is refused, and hidden", async () => {
  const { code, stderr } = await command([
    "sessions",
    "list",
    "--data-dir",
    "postgres://ada:pw@host/x",
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/data-dir: expected a folder.+database-url.+\(hidden\)/);
  const report = await command(["doctor", "--data-dir", "host=db user=ada password=lovelace"]);
  expect(report.stdout).toMatch(/data-dir is \(hidden\)/);
  expect(report.stdout + report.stderr).not.toContain("lovelace");
});

it("the address of a socket or with its parts behind the question mark is shown whole", () => {
  expect(shownUrl("postgres://ada:pw@host/x")).toBe("postgres://host:5432/x");
  const elsewhere = "postgres://ada:pw@host/x?host=other&port=5433";
  expect(shownUrl(elsewhere)).toBe("postgres://other:5433/x");
  const socket = "postgres:///x?host=/var/run/postgresql&port=25432&user=ada&password=pw";
  expect(shownUrl(socket)).toBe("postgres:///x?host=/var/run/postgresql&port=25432");
  expect(shownUrl("postgres://ada:pw@%2Fvar%2Frun/x")).toBe(
    "postgres:///x?host=/var/run&port=5432",
  );
});

it("backup and restore print commands with the whole address, but for its password", async () => {
  const printed = async (name: "backup" | "restore", url: string): Promise<string> => {
    const { stderr } = await command([name, "out.dump"], { env: { HOLDFAST_DATABASE_URL: url } });
    expect(stderr).not.toMatch(/s3cret/);
    return stderr;
  };
  const socket = "host=/run/pg&port=25432&user=ada&password=s3cret&sslmode=no-verify";
  expect(await printed("backup", `postgres:///x?${socket}`)).toContain(
    "--file=out.dump 'postgres:///x?host=%2Frun%2Fpg&port=25432&user=ada&sslmode=require'",
  );
  const options = "options=-c%20search_path%3Dx&query_timeout=5&ssl=true";
  expect(await printed("backup", `postgres://ada:s3cret@host:5433/x?${options}`)).toContain(
    "'postgres://ada@host:5433/x?options=-c%20search_path%3Dx&sslmode=verify-full'",
  );
  expect(await printed("backup", "postgres://ada:s3cret@host/x")).toMatch(
    / postgres:\/\/ada@host\/x\n/,
  );
  const restore = await printed("restore", "postgres://ada:s3cret@host/x");
  expect(restore).toMatch(/createdb --maintenance-db=postgres:\/\/ada@host\/x .* x_restored && /);
  expect(restore).toContain("--dbname=postgres://ada@host/x_restored out.dump\n");
  expect(restore).not.toContain("--clean");
});

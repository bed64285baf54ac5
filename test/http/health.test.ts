// What a supervisor and a load balancer are told: the process is there; the storage can be used, or why not for now.
import { expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/tools/tool.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { startServer } from "../support/process.ts";
import { introduce, rpc } from "../support/raw.ts";
import { head, wire } from "../support/wire.ts";

it("/healthz and /readyz answer GET and HEAD, each answer with an id of its own", async () => {
  const { url } = await serveHere();
  const ids = new Set<string | null>();
  for (const path of ["/healthz", "/readyz"]) {
    for (const method of ["GET", "HEAD"]) {
      const answer = await fetch(new URL(path, url), { method });
      expect([answer.status, await answer.text()]).toEqual([200, method === "GET" ? "ok\n" : ""]);
      ids.add(answer.headers.get("x-request-id"));
    }
    expect((await fetch(new URL(path, url), { method: "POST" })).status).toBe(404);
  }
  expect(ids.size).toBe(4);
  expect((await fetch(new URL("/nothing", url), { method: "HEAD" })).status).toBe(404);
});

it("/readyz answers 503 and when to come back while another program keeps the database locked", async () => {
  const folder = temporaryFolder();
  const { url } = await startServer({ folder, args: ["--log-level", "silent"] });
  const other = openDatabase(folder, { readonly: false });
  other.exec("BEGIN IMMEDIATE");
  const answer = await fetch(new URL("/readyz", url));
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
  const text = await answer.text();
  expect(text).toContain("Another process is using the database");
  expect(text).not.toMatch(/SQLITE|\.ts|holdfast-test/); // no code, no stack, no path
  other.exec("COMMIT");
  expect((await fetch(new URL("/readyz", url))).status).toBe(200);
});

it("/readyz answers 503 and when to come back while the server stops", async () => {
  const [started, finish] = [gate(), gate()];
  const slow = defineTool({
    name: "slow",
    description: "Waits.",
    input: z.object({}),
    async handler() {
      started.open();
      await finish.wait;
      return "done";
    },
  });
  const { url, stop } = await serveHere({ tools: [slow] });
  const client = await introduce(url);
  const connection = wire(url);
  const body = JSON.stringify(rpc("tools/call", { name: "slow", arguments: {} }, 7));
  const { id, version } = client;
  const headers = [`Mcp-Session-Id: ${id}`, `MCP-Protocol-Version: ${version}`];
  connection.send(head(url, [...headers, `Content-Length: ${body.length}`]) + body);
  await started.wait;
  const stopped = stop();
  connection.send(`GET /readyz HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`); // on a connection that is in use
  await expect(fetch(new URL("/healthz", url))).rejects.toThrow(); // new ones are not taken
  finish.open();
  const answer = await connection.closed;
  expect(answer).toContain("done");
  expect(answer).toMatch(/\r\nHTTP\/1\.1 503 /);
  expect(answer).toMatch(/\r\nretry-after: 1\r\n/i);
  expect(answer).toContain("The server is stopping");
  await stopped;
});

// Requests that mean harm: smuggled, compressed, endless, slow, too deep. Each is refused by itself, early, and the
// server goes on for everybody else.
import { createServer } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { type KeyedServer, serveWithKeys } from "../support/people.ts";
import { startServer } from "../support/process.ts";
import { initialize, post, read } from "../support/raw.ts";
import { head, statusOf, wire } from "../support/wire.ts";

const MB = 1024 * 1024;
const BODY = JSON.stringify(initialize());

/** A server, a key, and whether it still answers. */
async function target() {
  const server = await serveWithKeys();
  const authorization = `Bearer ${await server.key("ana")}`;
  return { ...server, authorization, answers: () => expectAnswers(server) };
}

async function expectAnswers({ person, url }: KeyedServer): Promise<void> {
  expect((await fetch(new URL("/readyz", url))).status).toBe(200);
  expect((await (await person("bob")).call("session_open")).isError).toBe(false);
}

describe("a request whose length is told in two ways", () => {
  const chunked = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  const length = `Content-Length: ${BODY.length}`;
  const cases: Record<string, [lines: string[], body: string]> = {
    "Content-Length and Transfer-Encoding": [[length, "Transfer-Encoding: chunked"], chunked],
    "Transfer-Encoding and Content-Length": [
      ["Transfer-Encoding: chunked", "Content-Length: 4"],
      chunked,
    ],
    "two different lengths": [[length, "Content-Length: 1"], BODY],
    "two equal lengths": [[length, length], BODY],
    "a list of lengths": [[`${length}, ${BODY.length}`], BODY],
    "a length with a sign": [[`Content-Length: +${BODY.length}`], BODY],
    "a length in hexadecimal": [[`Content-Length: 0x${BODY.length.toString(16)}`], BODY],
    "a negative length": [["Content-Length: -1"], BODY],
    "a length that is a float": [["Content-Length: 1e3"], BODY],
    "a folded header": [["X-A: b", " Content-Length: 5", length], BODY],
    "a folded Transfer-Encoding": [["Transfer-Encoding:", " chunked"], chunked],
    "an unknown Transfer-Encoding": [["Transfer-Encoding: chunked, cow"], chunked],
    "chunked that is not the last": [["Transfer-Encoding: chunked, identity"], chunked],
    "a space before the colon": [["Content-Length : 5", length], BODY],
    "a name with a control sign": [["X-\u0001: b", length], BODY],
    "a value with a bare line feed": [[`X-A: b\nContent-Length: 5`, length], BODY],
    "a value with a bare carriage return": [["X-A: b\rX-B: c", length], BODY],
    "a value with NUL": [["X-A: \0", length], BODY],
    "a chunk of a wrong size": [["Transfer-Encoding: chunked"], `zz\r\n${BODY}\r\n0\r\n\r\n`],
    "a chunk size beyond all numbers": [
      ["Transfer-Encoding: chunked"],
      `${"f".repeat(40)}\r\n${BODY}`,
    ],
  };

  it.each(Object.entries(cases))(
    "is refused with 400 and its connection closed: %s",
    async (_, [lines, body]) => {
      const { url, authorization, answers } = await target();
      const { send, closed } = wire(url);
      send(head(url, [`Authorization: ${authorization}`, ...lines]) + body + smuggled);
      const received = await closed;
      expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
      expect(statusOf(received)).toBe(400);
      expect(received).not.toContain("mcp-session-id");
      await answers();
    },
  );
});

describe("a compressed body", () => {
  const bomb = gzipSync(Buffer.alloc(64 * MB, " "), { level: 9 }); // 64 KB that unpack to a thousand times that

  it.each(["gzip", "deflate", "br", "zstd", "GZIP", "gzip, gzip", "x-unknown", "identity, gzip"])(
    "%s is refused with 415, and not unpacked",
    async (encoding) => {
      const { url, authorization, answers } = await target();
      const before = process.memoryUsage().rss;
      const answer = await read(
        await fetch(url, {
          method: "POST",
          headers: {
            authorization,
            "content-type": "application/json",
            "content-encoding": encoding,
          },
          body: bomb,
        }),
      );
      expect(answer.status).toBe(415);
      expect(answer.messages[0]!["error"].message).toBe("Compressed bodies are not accepted.");
      expect(process.memoryUsage().rss - before).toBeLessThan(48 * MB);
      await answers();
    },
  );

  it("that does not say so is no JSON", async () => {
    const { url, authorization, answers } = await target();
    const headers = { authorization, "content-type": "application/json", accept: "*/*" };
    const response = await fetch(url, { method: "POST", headers, body: bomb });
    expect(response.status).toBe(400);
    await answers();
  });

  it("of identity is none", async () => {
    const { url, authorization } = await target();
    const headers = { authorization, "content-encoding": "identity" };
    expect((await post(url, initialize(), headers)).status).toBe(200);
  });
});

/** Bytes of buffers that somebody holds, without what is only waiting to be collected. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect(); // the second one waits for what the first has left to another thread
  return process.memoryUsage().arrayBuffers;
}

describe("a body of 100 MB", () => {
  it.each([true, false])("is refused before it has come, with a key: %s", async (withKey) => {
    const { url, authorization, answers } = await target();
    const { socket, send, received } = wire(url);
    const lines = withKey ? [`Authorization: ${authorization}`] : [];
    send(head(url, [...lines, `Content-Length: ${100 * MB}`]));
    await expect.poll(() => statusOf(received())).toBe(withKey ? 413 : 401);
    expect(socket.bytesWritten).toBeLessThan(1_000);
    if (withKey) expect(received()).toContain("max-body");
    await answers();
  });

  it("without a length is read to the size of a body, thrown away, and refused", async () => {
    const { url, authorization, answers } = await target();
    const { socket, send, received } = wire(url);
    send(head(url, [`Authorization: ${authorization}`, "Transfer-Encoding: chunked"]));
    const piece = Buffer.concat([
      Buffer.from("100000\r\n"),
      Buffer.alloc(MB, " "),
      Buffer.from("\r\n"),
    ]);
    const before = heldBytes();
    let most = 0;
    for (let n = 0; n < 100 && statusOf(received()) === undefined && !socket.closed; n += 1) {
      await new Promise((sent) => socket.write(piece, sent));
      if (n % 20 === 19) most = Math.max(most, heldBytes() - before);
    }
    await expect.poll(() => statusOf(received()) ?? socket.closed).toBeTruthy();
    expect([413, undefined]).toContain(statusOf(received()));
    expect(most).toBeLessThan(16 * MB);
    await answers();
  });
});

describe("JSON", () => {
  it("that is deeper than any message is refused before it is parsed", async () => {
    const { url, authorization, answers } = await target();
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
      ['[{"a":', "}]"],
    ] as const) {
      const depth = 300_000;
      for (const text of [open.repeat(depth) + 1 + close.repeat(depth), open.repeat(depth)]) {
        const answer = await read(await post(url, text, { authorization }));
        expect([answer.status, answer.messages[0]!["error"].code]).toEqual([400, -32700]);
      }
    }
    await answers();
  });

  it("with names that objects have by birth changes nothing in the server", async () => {
    const { url, authorization, answers } = await target();
    const evil = '{"polluted":true,"isAdmin":true,"scope":"admin","id":"root"}';
    for (const name of ["__proto__", "constructor", "prototype"]) {
      const params = `{"${name}":${evil},"_meta":{"${name}":${evil}},"arguments":{"${name}":${evil}},"name":"session_list"}`;
      for (const method of [
        "initialize",
        "tools/call",
        "resources/read",
        "__proto__",
        "constructor",
      ]) {
        const text = `{"jsonrpc":"2.0","id":1,"method":"${method}","${name}":${evil},"params":${params}}`;
        expect((await post(url, text, { authorization })).status).toBeLessThan(500);
      }
    }
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    await answers();
  });
});

describe("headers", () => {
  it("of more than 16 KB are refused with 431, which is Node's default", async () => {
    const { url, answers } = await target();
    const { send, closed } = wire(url);
    send(head(url, [`X-A: ${"a".repeat(17 * 1024)}`]));
    expect(statusOf(await closed)).toBe(431);
    await answers();
  });
});

describe("connections that send slowly, or nothing more", () => {
  it("do not stop anybody else, however many they are", async () => {
    const { url, authorization, answers } = await target();
    const whole = head(url, [`Authorization: ${authorization}`, "Content-Length: 1000"]);
    const silent = Array.from({ length: 100 }, () => wire(url));
    const slow = Array.from({ length: 100 }, () => wire(url));
    for (const { send } of silent) send(`${whole}{`); // a head, and the body never comes
    for (const byte of whole.slice(0, 60)) {
      await Promise.all(slow.map(({ socket }) => new Promise((sent) => socket.write(byte, sent))));
    }
    await answers();
    expect([...silent, ...slow].filter(({ socket }) => socket.closed)).toHaveLength(0);
    expect([...silent, ...slow].map(({ received }) => received()).join("")).toBe("");
  });

  it("are ended after Node's default times, which the server leaves as they are", () => {
    const { headersTimeout, requestTimeout } = createServer();
    expect({ headersTimeout, requestTimeout }).toEqual({
      headersTimeout: 60_000, // ms, for a head
      requestTimeout: 300_000, // ms, for a request as a whole
    });
  });

  it("that break off in the middle are no fault of the server's: nothing is logged", async () => {
    const server = await startServer({ folder: temporaryFolder() });
    const lines = ["Content-Length: 1000"];
    for (let n = 0; n < 5; n += 1) {
      const { socket, send } = wire(server.url);
      send(`${head(server.url, lines)}{`);
      await expect.poll(() => socket.bytesWritten).toBeGreaterThan(100);
      await fetch(new URL("/healthz", server.url)); // it has come by then
      socket.destroy();
    }
    expect((await read(await post(server.url, initialize()))).status).toBe(200);
    expect(await server.stop()).toBe(0);
    expect(server.errors()).toBe("");
  });
});

it("the authority of a target in absolute form is the host that is asked, whatever Host says", async () => {
  const { url } = await serveWithKeys();
  const { host } = new URL(url);
  const ask = async (target: string, named: string): Promise<number | undefined> => {
    const { send, closed } = wire(url);
    send(`GET ${target} HTTP/1.1\r\nHost: ${named}\r\nConnection: close\r\n\r\n`);
    return statusOf(await closed);
  };
  for (const path of ["/healthz", "/mcp/server-card"]) {
    expect(await ask(`http://${host}${path}`, host)).toBe(200);
    expect(await ask(`http://${host}${path}`, "evil.example")).toBe(200);
    for (const scheme of ["http", "https"])
      expect(await ask(`${scheme}://evil.example${path}`, host)).toBe(403);
    expect(await ask(path, "evil.example")).toBe(403);
  }
});

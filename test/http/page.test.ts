// A person who opens the server's address in a browser sees a page; programs are answered as ever.
import { expect, it } from "vitest";
import { serveHere } from "../support/here.ts";
import { serveWithKeys } from "../support/people.ts";

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

const get = (url: string, accept: string, headers = {}) =>
  fetch(url, { headers: { accept, ...headers } });

it("a browser is told what this is and how to connect, with or without keys, and gets nothing to run", async () => {
  const { url } = await serveHere({ config: { console: false } });
  for (const address of [new URL("../../../../../", url).href, url, `${url}/`]) {
    const response = await get(address, BROWSER);
    const text = await response.text();
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      "text/html; charset=UTF-8",
    ]);
    expect(text).toContain(`<code>${url}</code>`);
    expect(text).toContain("It needs no key.");
    expect(text).not.toContain("<script");
    expect(response.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-/,
    );
  }
  const closed = await serveWithKeys({});
  const text = await (await get(closed.url, BROWSER)).text();
  expect(text).toContain("Bearer hf_…");
});

it("a name that a request brings is text in the page", async () => {
  const config = { "public-url": "https://mcp.example.org", "insecure-no-auth": true };
  const { url } = await serveHere({ config });
  const text = await (await get(`${url}?name=<script>`, BROWSER)).text();
  expect(text).toContain("https://mcp.example.org/mcp</code>");
  expect(text).not.toContain("<script");
});

it.each(["*/*", "text/event-stream", "text/event-stream, text/html;q=0.5", "application/json"])(
  "a program that accepts %s gets the protocol's answer",
  async (accept) => {
    const { url } = await serveHere();
    expect((await get(url, accept)).status).toBe(405); // no session, so there is no stream
    expect((await get(new URL("../../../../../", url).href, accept)).status).toBe(404);
  },
);

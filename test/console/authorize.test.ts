// The sign-in of a program as a person sees it, in a real browser without scripts that comes from another site.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { hasBrowser, SCREENS, unless, usingBrowser } from "../support/browser.ts";
import { Program } from "../support/oauth-program.ts";
import { Person, program } from "../support/oauth.ts";
import { serveWithKeys } from "../support/people.ts";

const open = usingBrowser();
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** A program on this machine, under a name that is another site: its page leads to the sign-in, and hears of the end. */
async function startProgram(mcp: string) {
  const { promise: called, resolve } = Promise.withResolvers<URLSearchParams>();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, "http://localhost");
    if (pathname === "/callback") resolve(searchParams);
    response.setHeader("content-type", "text/html");
    response.end(
      pathname === "/callback" ? "Connected" : `<a href="${mine.authorization.href}">Sign in</a>`,
    );
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const home = `http://localhost:${(server.address() as AddressInfo).port}`;
  const mine = program({ redirectUrl: `${home}/callback` });
  const transport = () =>
    new StreamableHTTPClientTransport(new URL(mcp), { authProvider: mine as never });
  const client = () => new Client({ name: "editor", version: "1" });
  const first = transport();
  await expect(client().connect(first)).rejects.toThrow(/nauthorized/);
  return {
    home: `${home}/`,
    async connected() {
      await first.finishAuth(await called);
      const mine = client();
      await mine.connect(transport());
      onTestFinished(() => mine.close());
      return mine;
    },
  };
}

describe.skipIf(!hasBrowser)(`the sign-in of a program in a browser${unless}`, () => {
  it("leads from the program through key and consent back to it, without scripts", async () => {
    const server = await serveWithKeys({ "auth-server": "true" });
    const key = await server.key("ana");
    const page = await open({ javaScriptEnabled: false });
    const address = `${server.url}?name=work`;
    const editor = await startProgram(address);
    await page.goto(editor.home);
    await page.getByRole("link", { name: "Sign in" }).click();
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Allow this program?" }).waitFor();
    const text = await page.locator("main").innerText();
    expect(text).toContain("Test Program");
    expect(text).toContain(new URL(editor.home).host);
    expect(text).toContain("As ana");
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    await page.getByText("Connected").waitFor();
    const client = await editor.connected();
    await client.callTool({ name: "state_set", arguments: { key: "k", value: 1 } });

    // The browser is known now, also to a link of another site: the next program needs no key.
    const second = await startProgram(address);
    await page.goto(second.home);
    await page.getByRole("link", { name: "Sign in" }).click();
    await page.getByLabel("Read your conversations and facts").check();
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    await page.getByText("Connected").waitFor();
    const reader = await second.connected();
    const found = await reader.callTool({ name: "state_get", arguments: { key: "k" } });
    expect(found.structuredContent).toMatchObject({ value: 1 });
    await page.goto(new URL("/console/account", server.url).href);
    await page.getByRole("button", { name: "Disconnect Test Program" }).first().click();
    await expect.poll(() => server.app.grants.list("ana")).toHaveLength(1);
  });

  it("leads a person back who allowed the program before, and must sign in first", async () => {
    const server = await serveWithKeys({ "auth-server": "true" });
    const key = await server.key("ana");
    const claude = await Program.registered(server.url);
    await claude.tokens(new Person(server.url, key));
    const leavesTo = new URL(claude.redirect).hostname;
    const page = await open({ javaScriptEnabled: false, leavesTo });
    await page.goto(claude.authorization().href);
    await page.getByLabel("API key").fill(key);
    const back = page.waitForRequest((request) => request.url().startsWith(claude.redirect));
    await page.getByRole("button", { name: "Sign in" }).click();
    expect(new URL((await back).url()).searchParams.get("code")).toBeTruthy();
  });

  it("has a page for consent that everybody can read", async () => {
    const server = await serveWithKeys({ "auth-server": "true" });
    const key = await server.key("ana");
    const claude = await Program.registered(server.url);
    for (const screen of SCREENS) {
      const page = await open(screen);
      await page.goto(claude.authorization().href);
      await page.getByLabel("API key").fill(key);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("heading", { name: "Allow this program?" }).waitFor();
      await page.evaluate(await readFile(axe, "utf8"));
      const { violations } = await page.evaluate<{ violations: unknown[] }>("axe.run()");
      expect(violations).toEqual([]);
      await page.context().close();
    }
  });
});

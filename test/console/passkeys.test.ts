// Passkeys as a person sees them, in a real browser with an authenticator that says yes.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { hasBrowser, SCREENS, unless, usingBrowser } from "../support/browser.ts";
import { Program, tokensOf } from "../support/oauth-program.ts";
import { serveWithKeys } from "../support/people.ts";
import { freePort } from "../support/ports.ts";

const open = usingBrowser();
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

async function serve() {
  const port = await freePort();
  const site = `http://localhost:${port}`;
  const server = await serveWithKeys({ "auth-server": "true", "public-url": site, port });
  const secret = await server.app.browserSessions.link({ principal: "ada", scope: "write" });
  return { ...server, site, link: `${site}/console/link/${secret}?next=/console/account` };
}

/** Gives the page's browser an authenticator. */
async function withAuthenticator(page: Page): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      ...{ protocol: "ctap2", transport: "internal", hasResidentKey: true },
      ...{ hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    },
  });
}

async function add(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Add a passkey" }).click();
}

describe.skipIf(!hasBrowser)(`passkeys in a browser${unless}`, () => {
  it("are added from a link, and then sign in to the console and to what a program asks", async () => {
    const { app, site, link } = await serve();
    const claude = await Program.registered(`${site}/mcp`);
    const page = await open({ leavesTo: new URL(claude.redirect).hostname });
    await withAuthenticator(page);
    await page.goto(link);
    await page.getByRole("button", { name: "Go on" }).click();
    await add(page, "Phone");
    await page.getByRole("button", { name: "Remove Phone" }).waitFor();
    await add(page, "Again");
    await page.getByText("This device has a passkey for here already.").waitFor();

    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.waitForURL(`${site}/console/connect`);
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await page.getByLabel("API key").waitFor();
    await page.goto(claude.authorization().href);
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.getByRole("heading", { name: "Allow this program?" }).waitFor();
    expect(await page.locator("main").innerText()).toContain("As ada");
    await page.route(`${claude.redirect}?*`, (route) => route.fulfill({ body: "Connected" }));
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    await page.getByText("Connected").waitFor();
    const code = new URL(page.url()).searchParams.get("code")!;
    const { access_token: token } = await tokensOf(await claude.exchange(code));
    expect(await claude.knock(token)).toBe(200);

    page.on("dialog", (dialog) => void dialog.accept());
    await page.goto(`${site}/console/account`);
    await page.getByRole("button", { name: "Remove Phone" }).click();
    await page.getByLabel("API key").waitFor(); // out, with the passkey that let this browser in
    expect(await claude.knock(token)).toBe(401);
    expect(await app.passkeys.any()).toBe(false);
  });

  it("that the server does not know any more say so, and the key still opens", async () => {
    const { app, site, link, key } = await serve();
    const page = await open();
    await withAuthenticator(page);
    await page.goto(link);
    await page.getByRole("button", { name: "Go on" }).click();
    await add(page, "Phone");
    await page.getByRole("button", { name: "Remove Phone" }).waitFor();
    const other = await app.storage.passkeys.list("ada");
    await app.storage.passkeys.create(
      { ...other[0]!, id: "other", credentialId: "other", principal: "ben" },
      9,
    );
    await app.passkeys.remove(other[0]!.id);
    await page.context().clearCookies();
    await page.goto(`${site}/console/account`);
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.getByText("This passkey is not known here").waitFor();
    await page.getByLabel("API key").fill(await key("ada"));
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.waitForURL(`${site}/console/account`);
  });

  it("have pages that everybody can read, and say where they work at another address", async () => {
    const { site, link } = await serve();
    const [light, dark] = SCREENS;
    const page = await open(light);
    await withAuthenticator(page);
    await page.goto(link);
    await page.getByRole("button", { name: "Go on" }).click();
    await add(page, "Phone");
    await page.getByRole("button", { name: "Remove Phone" }).waitFor();
    await isReadable(page);
    const other = await open(dark);
    await other.goto(`${site}/console/sign-in`);
    await other.getByRole("button", { name: "Sign in with a passkey" }).waitFor();
    await isReadable(other);
    await other.goto(`${site.replace("localhost", "127.0.0.1")}/console/sign-in`);
    await other.getByText(`Passkeys work at ${site}.`).waitFor();
    const plain = await open({ javaScriptEnabled: false }); // no scripts: no button that does nothing
    await plain.goto(`${site}/console/sign-in`);
    expect(await plain.getByRole("button").allInnerTexts()).toEqual(["Sign in"]);
  });
});

async function isReadable(page: Page): Promise<void> {
  await page.evaluate(await readFile(axe, "utf8"));
  const { violations } = await page.evaluate<{ violations: unknown[] }>("axe.run()");
  expect(violations).toEqual([]);
}

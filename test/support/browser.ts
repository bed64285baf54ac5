// Chromium, where the machine has one. Tests of pages are skipped where it has none.
import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { isLoopback } from "../../src/lib/loopback.ts";

const executablePath = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));

export const hasBrowser = executablePath !== undefined;
/** For the name of what is skipped. */
export const unless = hasBrowser ? "" : " (skipped: no Chromium on this machine)";

/** Colour schemes and widths that every page is good in. */
export const SCREENS = [
  { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { colorScheme: "dark", viewport: { width: 390, height: 800 } },
] as const;

/** One browser for a file of tests; each page is a person of their own. */
export function usingBrowser(): (
  options?: BrowserContextOptions & { leavesTo?: string },
) => Promise<Page> {
  let browser: Browser;
  beforeAll(async () => {
    if (hasBrowser)
      browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
  });
  afterAll(() => browser?.close());
  return async ({ leavesTo, ...options } = {}) => {
    const context = await browser.newContext(options);
    onTestFinished(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    // A page that breaks its own policy, or whose script fails, is never right.
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy/i.test(message.text())) faults.push(message.text());
    });
    page.on("request", (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (!isLoopback(hostname) && hostname !== leavesTo && protocol !== "data:")
        faults.push(`loads ${request.url()}`);
    });
    onTestFinished(() => expect(faults).toEqual([]));
    return page;
  };
}

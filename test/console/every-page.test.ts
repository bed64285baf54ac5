// Every page of the console with content that means harm: it is text, and the page is usable at every size.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { beforeEach, describe, expect, it } from "vitest";
import { hasBrowser, SCREENS, unless, usingBrowser } from "../support/browser.ts";
import { serveWithKeys, speak } from "../support/people.ts";

const open = usingBrowser();
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

const at = (url: string, path: string): string => new URL(`/console${path}`, url).href;

/** Script in every way that a page could run it. */
const HOSTILE = [
  "<script>document.title='owned'</script>",
  "<img src=x onerror=\"document.title='owned'\">",
  '"><svg onload="document.title=\'owned\'">',
  "[a](javascript:document.title='owned') ![b](https://evil.example/x.png)",
  "</textarea></pre></title><script>document.title='owned'</script>",
  "{{constructor.constructor('document.title=1')()}} ${1}",
].join(" ");

interface Layout {
  /** Of what the page scrolls over. */
  width: number;
  /** Beginnings of texts below a button that copies them. */
  covered: string[];
}

const LAID_OUT = `({
  width: document.documentElement.scrollWidth,
  covered: [...document.querySelectorAll(".copyable")].filter((box) => {
    const button = box.querySelector("button").getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(box.querySelector("pre"));
    return [...range.getClientRects()].some(({ left, right, top, bottom }) =>
      left < button.right && right > button.left && top < button.bottom && bottom > button.top);
  }).map((box) => box.textContent.slice(0, 80)),
})`;

describe.skipIf(!hasBrowser)(`every page${unless}`, () => {
  let url: string;
  let session: string;

  beforeEach(async () => {
    const server = await serveWithKeys({}, {});
    url = server.url;
    const mallory = await speak(url, "2026", await server.key(HOSTILE.slice(0, 60)));
    const named = mallory.at(`name=${encodeURIComponent(HOSTILE.slice(0, 150))}`);
    await named.call("history_append", { role: "user", content: HOSTILE });
    await named.call("history_append", {
      ...{
        role: "assistant",
        content: `\`\`\`html\n${HOSTILE}\n\`\`\`\n\n    ${HOSTILE}\n\n|${HOSTILE}|`,
      },
    });
    await named.call("session_update", { title: HOSTILE, system: HOSTILE });
    const set = await named.call("state_set", {
      key: HOSTILE.slice(0, 300),
      value: { [HOSTILE]: HOSTILE },
    });
    session = set.data["session"] as string;
    await mallory.call("session_share", { session, principal: "ana", access: "write" });
    const ana = await speak(url, "2026", await server.key("ana"));
    await ana.at("name=mine").call("history_append", { role: "user", content: "Hello" });
    secret = await server.app.browserSessions.link({ principal: "ana", scope: "admin" });
  });

  let secret: string;

  it.each(SCREENS)(
    "shows hostile content as text, and axe finds nothing serious ($colorScheme, $viewport.width)",
    async (screen) => {
      const page = await open(screen);
      const check = async (): Promise<void> => {
        expect(await page.title()).not.toBe("owned");
        await page.evaluate(await readFile(axe, "utf8"));
        const found = await page.evaluate("axe.run()");
        const { violations } = found as {
          violations: { id: string; impact: string; nodes: unknown[] }[];
        };
        const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
        expect({ path: page.url(), serious }).toEqual({ path: page.url(), serious: [] });
        const wide = await page.evaluate(`[...document.querySelectorAll("main *, .top, .banner")]
          .filter((one) => one.closest(".scrolls, table, pre") === null)
          .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
          .map((one) => one.outerHTML.slice(0, 80))`);
        expect({ path: page.url(), wide }).toEqual({ path: page.url(), wide: [] });
        const { width, covered } = await page.evaluate<Layout>(LAID_OUT);
        expect({ path: page.url(), width, covered }).toEqual({
          ...{ path: page.url(), width: screen.viewport.width, covered: [] },
        });
      };
      await page.goto(at(url, "/sign-in"));
      await check();
      await page.goto(at(url, `/link/${secret}`));
      await check();
      await page.getByRole("button", { name: "Go on" }).click();
      await page.waitForURL(/sessions/);
      await check();
      await page.getByRole("button", { name: "Accept" }).click();
      await page.waitForURL(/sessions/);
      await check();
      for (const path of [
        `/sessions/${session}`,
        "/search?q=owned",
        `/search?q=${encodeURIComponent(HOSTILE)}`,
        `/sessions?q=${encodeURIComponent(HOSTILE)}`,
        `/connect?program=${encodeURIComponent(HOSTILE)}&name=${encodeURIComponent(HOSTILE.slice(0, 100))}`,
        "/connect?program=chatgpt",
        "/import",
        "/activity",
        "/account",
        "/health",
        "/keys",
        "/nothing",
      ]) {
        await page.goto(at(url, path));
        for (const summary of await page.locator("summary").all()) await summary.click();
        await check();
      }
      await page.goto(at(url, "/keys"));
      await page.locator("input[name=principal]").fill("bob");
      await page.getByRole("button", { name: "Make a key" }).click();
      await page.locator("section.made .copy").nth(1).waitFor();
      await check();
    },
  );
});

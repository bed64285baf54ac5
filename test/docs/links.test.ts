// Every link of every page leads to a file that is there, and to a heading that the page has; so do the names of files in
// src/ and test/.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const pages = [
  ...["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "bench/README.md"],
  ...readdirSync(new URL("docs/", root))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** As GitHub makes an anchor of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");

const anchorsOf = (page: URL): string[] =>
  [...readFileSync(page, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading!));

it.each(pages)("the links of %s lead somewhere", (name) => {
  const page = new URL(name, root);
  const text = readFileSync(page, "utf8").replace(/^```[\s\S]*?^```$/gm, "");
  for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(link!)) continue;
    const target = new URL(link!, page);
    const fragment = decodeURIComponent(target.hash.slice(1));
    target.hash = "";
    expect(existsSync(target), link).toBe(true);
    if (fragment !== "") expect(anchorsOf(target), link).toContain(fragment);
  }
  for (const [, file] of text.matchAll(/`((?:src|test|bench|scripts|deploy|docs)\/[^`*]+)`/g))
    expect(existsSync(new URL(file!, root)), file).toBe(true);
});

it("every page of docs/ is linked from the README", () => {
  const readme = readFileSync(new URL("README.md", root), "utf8");
  for (const name of pages.filter((each) => each.startsWith("docs/")))
    expect(readme).toContain(`](${name})`);
});

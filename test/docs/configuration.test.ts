// docs/configuration.md says what src/config/config.ts says.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { configuration, FILE } from "../../scripts/configuration.ts";
import { settings } from "../../src/config/config.ts";

it("the configuration reference is up to date: npm run docs", async () => {
  expect(readFileSync(FILE, "utf8")).toBe(await configuration());
});

it("the configuration reference has every setting, once", async () => {
  const named = [...(await configuration()).matchAll(/^\| `([a-z-]+)`/gm)].map(([, name]) => name);
  expect(named).toEqual(Object.keys(settings));
});

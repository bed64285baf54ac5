// docs/configuration.md says what src/config.ts says.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { configuration, FILE, misplaced } from "../scripts/configuration.ts";

it("the configuration reference is up to date: npm run docs", async () => {
  expect(readFileSync(FILE, "utf8")).toBe(await configuration());
});

it("the configuration reference has every setting, once", () => {
  expect(misplaced()).toEqual([]);
});

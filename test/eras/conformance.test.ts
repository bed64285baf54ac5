// The official conformance suite against a server with the fixtures it asks for. No failure is expected anywhere.
import { expect, it } from "vitest";
import { BUSY, conformance, expectLegacy, expectModern, passed } from "../support/conformance.ts";
import { CONFORMANCE, startServer } from "../support/process.ts";

const serve = async (): Promise<string> =>
  (await startServer({ folder: "", script: CONFORMANCE })).url;

it("passes all 30 scored scenarios of 2025-11-25 and the 3 that are not scored", BUSY, async () => {
  await expectLegacy(await serve());
});

it(
  "passes all 37 scored scenarios of 2026-07-28, the 3 that are not scored, and all of tasks, without a warning",
  BUSY,
  async () => {
    await expectModern(await serve());
  },
);

it.each([
  ["2025-06-18", 27],
  ["2025-03-26", 1],
])("passes every scenario that applies to %s", BUSY, async (version, scenarios) => {
  const output = await conformance(await serve(), "--spec-version", version);
  expect(output).not.toContain("FAILED");
  expect(passed(output)).toHaveLength(scenarios);
});

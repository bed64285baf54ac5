// The official conformance suites through a balancer without affinity: no node may need what only another one knows.
import { it } from "vitest";
import { prompts, resources, tools } from "../support/conformance-fixtures.ts";
import { BUSY, expectLegacy, expectModern } from "../support/conformance.ts";
import { balanced, startNodes } from "../support/nodes.ts";

it(
  "three nodes pass the suites of both eras at the same time, without a warning",
  BUSY,
  async () => {
    const url = await balanced(await startNodes({ tools, resources, prompts }));
    await Promise.all([expectLegacy(url), expectModern(url)]);
  },
);

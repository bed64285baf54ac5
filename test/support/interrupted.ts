// The outcome of a tool call that was cut short, as its caller gets it.
import { expect } from "vitest";

export const MAY_BE_DONE = /interrupted.*may have been done; look first, then repeat/;

/** As a result: what ends with an error is repeated by programs on their own. */
export const INTERRUPTED = {
  isError: true,
  content: [{ type: "text", text: expect.stringMatching(MAY_BE_DONE) as unknown }],
  _meta: { interrupted: true, "holdfast/error": "interrupted" },
};

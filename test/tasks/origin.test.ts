// What a task keeps of its caller's rights.
import { expect, it } from "vitest";
import { type Credentials, inRun, LOCAL, may, principalOf } from "../../src/auth/principal.ts";
import type { CallChannel } from "../../src/tools/session/context.ts";
import { originOf } from "../../src/tools/tasks/origin.ts";

it("a task acts with all that its caller's credentials depend on, except a token's expiry", () => {
  const lasting: Required<Omit<Credentials, "until">> = {
    ...{ id: "grant g", grant: "g", key: "k", passkey: "p" },
  };
  const principal = { id: "ana", scope: "read", credentials: { ...lasting, until: 1 } } as const;
  const channel = { request: { meta: {} } } as CallChannel;
  const stored: unknown = JSON.parse(JSON.stringify(originOf({ principal }, channel, "new")));
  expect(principalOf("ana", stored as ReturnType<typeof originOf>)).toEqual({
    ...{ id: "ana", scope: "read", credentials: lasting },
  });
});

it("the run of a task may do what its caller may, and no more", () => {
  const run = { id: "t", instanceId: "i", attempt: 1 };
  expect(may(inRun(LOCAL, run), "admin")).toBe(true);
  for (const principal of [{ id: "local" }, { id: "ana", scope: "write" } as const])
    expect(may(inRun(principal, run), "admin")).toBe(false);
});

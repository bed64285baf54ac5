// `subscriptions/listen` of 2026-07-28 over standard input and output: what it takes, refuses and gives back.
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { acknowledged, uriOf, WAIT } from "../support/listening.ts";
import { envelope } from "../support/modern.ts";
import { type RawStdio, rawStdio } from "../support/raw-stdio.ts";
import type { Json } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

async function begin() {
  const folder = temporaryFolder();
  const pipe = await rawStdio(["--data-dir", folder], { introduce: false });
  return {
    ...{ folder, pipe },
    subscriptions: () =>
      rows(folder, "SELECT uri FROM subscriptions ORDER BY uri").map(({ uri }) => uri),
  };
}

const request = (pipe: RawStdio, method: string, params: object = {}): Promise<Json> =>
  pipe.request(method, { ...params, _meta: envelope() });

/** Resolves when the listening is acknowledged; it gets the next number of the pipe. */
async function listen(pipe: RawStdio, id: number, uris: readonly string[]): Promise<void> {
  const wanted = { resourceSubscriptions: uris };
  void request(pipe, "subscriptions/listen", { notifications: wanted });
  const messages = () => pipe.lines.map((line) => JSON.parse(line) as Json);
  await expect.poll(messages, WAIT).toContainEqual(acknowledged(wanted, id));
}

const cancel = (pipe: RawStdio, requestId: number): void =>
  pipe.notify("notifications/cancelled", { requestId, _meta: envelope() });

describe("listening over stdio", () => {
  it("takes 1,000 uris; more, or what is none, is refused and leaves nothing", async () => {
    const { pipe, folder, subscriptions } = await begin();
    const uris = Array.from({ length: 1001 }, (_, n) => uriOf(`${n}`));
    for (const notifications of [
      { resourceSubscriptions: uris },
      { resourceSubscriptions: [1] },
      undefined,
    ]) {
      const { error } = await request(pipe, "subscriptions/listen", { notifications });
      expect(error).toMatchObject({ code: -32602, message: expect.any(String) });
    }
    await request(pipe, "tools/list"); // the pipe is as good as before
    expect(rows(folder, "SELECT * FROM clients")).toEqual([]);
    await listen(pipe, 5, uris.slice(1));
    expect(subscriptions()).toHaveLength(1000);
    expect(pipe.errors()).toBe("");
  });

  it("that is cancelled gives back its subscriptions, but those that another listens to", async () => {
    const { pipe, subscriptions } = await begin();
    const [a, b, c] = ["a", "b", "c"].map((key) => uriOf(key)) as [string, string, string];
    await listen(pipe, 1, [a, b]);
    await listen(pipe, 2, [b, c]);
    expect(subscriptions()).toEqual([a, b, c]);
    cancel(pipe, 1);
    await expect.poll(subscriptions, WAIT).toEqual([b, c]);
    cancel(pipe, 1); // once more, and one that was never there
    cancel(pipe, 99);
    cancel(pipe, 2);
    await expect.poll(subscriptions, WAIT).toEqual([]);
    expect(pipe.errors()).toBe("");
  });

  it("can be cancelled and begun anew without end: at most 1,000 uris count at a time", async () => {
    const { pipe, subscriptions } = await begin();
    for (let id = 1; id <= 3; id++) {
      const uris = Array.from({ length: 600 }, (_, n) => uriOf(`${id}-${n}`));
      await listen(pipe, id, uris);
      expect(subscriptions()).toHaveLength(600);
      cancel(pipe, id);
      await expect.poll(subscriptions, WAIT).toEqual([]);
    }
    expect(pipe.errors()).toBe("");
  });
});

// Streams live for hours; credentials may not. And how many streams one principal may have.
import { describe, expect, it, onTestFinished } from "vitest";
import type { Settings } from "../../src/config/config.ts";
import { createHoldfast } from "../../src/holdfast.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startIssuer } from "../support/issuer.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import { ERAS, type Person, serveWithKeys, speak } from "../support/people.ts";

const WAIT = { timeout: 60_000 };

/** Opens the stream on which the era brings news. */
function news(person: Person, url: string): Promise<Response> {
  if (person.client) return person.client.listen();
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const notifications = { resourceSubscriptions: ["holdfast://sessions"] };
  const request = modernRequest("subscriptions/listen", { notifications });
  return postModern(url, request, { headers: person.headers, signal: leaving.signal });
}

/** Reads a stream for as long as it is open; `ended` becomes true with it. */
function follow(response: Response): { ended: boolean } {
  const state = { ended: false };
  expect(response.status).toBe(200);
  const end = (): void => {
    state.ended = true;
  };
  void response.body!.pipeTo(new WritableStream()).then(end, end);
  return state;
}

describe.each(ERAS)("an open stream in the era of %s", (era) => {
  it.each<Settings>([{}, { "cors-origins": "https://app.example.org" }])(
    "is cut when its key is revoked; another key of the same principal keeps its own: %j",
    async (settings) => {
      const { url, app, person } = await serveWithKeys(settings);
      const [first, second] = [await person("ana", era), await person("ana", era)];
      const [cut, kept] = [follow(await news(first, url)), follow(await news(second, url))];
      await app.keys.revoke(first.key!.split("_")[1]!);
      await expect.poll(() => cut.ended, WAIT).toBe(true);
      expect((await news(first, url)).status).toBe(401);
      expect((await second.ask("tools/list")).status).toBe(200);
      expect(kept.ended).toBe(false);
    },
  );

  it("is cut when its key expires", async () => {
    const { url, key } = await serveWithKeys();
    const brief = await speak(url, era, await key("ana", { lifetimeMs: 3_000 }));
    const stream = follow(await news(brief, url));
    await expect.poll(() => stream.ended, WAIT).toBe(true);
    expect((await news(brief, url)).status).toBe(401);
  });

  it("that was open to everybody is cut by the first key", async () => {
    const folder = temporaryFolder();
    const settings = { port: 0, "data-dir": folder, durability: "normal" };
    const running = await createHoldfast({ env: {} }).run("http", settings);
    onTestFinished(() => running.stop());
    const anybody = await speak(running.url!, era, undefined);
    const stream = follow(await news(anybody, running.url!));
    await running.app.keys.create({ principal: "ana", scope: "write", lifetimeMs: Infinity });
    await expect.poll(() => stream.ended, WAIT).toBe(true);
  });

  it("is cut when its access token expires", async () => {
    const issuer = await startIssuer();
    const audience = "https://mcp.example.org/mcp";
    const settings = { port: 0, "data-dir": temporaryFolder(), durability: "normal" };
    const running = await createHoldfast({
      config: { "auth-issuer": issuer.url, "public-url": "https://mcp.example.org" },
      env: {},
    }).run("http", settings);
    onTestFinished(() => running.stop());
    const now = Math.floor(Date.now() / 1_000);
    // Five seconds of tolerance are left.
    const claims = { iss: issuer.url, aud: audience, sub: "ana", scope: "write", exp: now - 2 };
    const ana = await speak(running.url!, era, await issuer.token(claims));
    const stream = follow(await news(ana, running.url!));
    await expect.poll(() => stream.ended, WAIT).toBe(true);
    expect((await news(ana, running.url!)).status).toBe(401);
  });

  it("is one of at most max-streams of its principal, and gives its place back", async () => {
    const { url, person } = await serveWithKeys({ "max-streams": 3 });
    const [ana, bob] = [await person("ana", era), await person("bob", era)];
    const burst = await Promise.all(Array.from({ length: 8 }, () => news(ana, url)));
    const [open, refused] = [200, 429].map((code) => burst.filter(({ status }) => status === code));
    expect([open!.length, refused!.length]).toEqual([3, 5]);
    for (const response of refused!) {
      expect(response.headers.get("retry-after")).toBe("1");
      expect(await response.text()).toContain("the setting max-streams");
    }
    expect((await news(bob, url)).status).toBe(200);
    expect((await ana.ask("tools/list")).status).toBe(200);
    await open![0]!.body!.cancel();
    await expect.poll(async () => (await news(ana, url)).status, WAIT).toBe(200);
  });
});

it("a stream that cannot be opened takes no place", async () => {
  const { person } = await serveWithKeys({ "max-streams": 1 });
  const { client } = await person("ana", "2025");
  for (const id of ["nonsense", "1-99999"]) {
    const headers = { ...client!.headers, accept: "text/event-stream", "last-event-id": id };
    for (let n = 0; n < 3; n += 1)
      expect((await fetch(client!.url, { headers })).status).toBeGreaterThanOrEqual(400);
  }
  expect((await client!.listen()).status).toBe(200);
});

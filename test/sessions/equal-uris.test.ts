// URIs that are equal under RFC 3986 and RFC 6570 are one resource, for reading and for news.
import { describe, expect, it } from "vitest";
import { defineResource } from "../../src/index.ts";
import { canonicalUri } from "../../src/sessions/uris.ts";
import { connect, VERSIONS } from "../support/clients.ts";
import { serveHere } from "../support/here.ts";
import { introduce, type Json } from "../support/raw.ts";

const ID = "5e2d1f7a-0c3b-4a6e-9d8f-1b2c3d4e5f60";
const KEY = "a b!~/é";

/** The key's uri, as other programs spell it. */
const spellings = (id: string): string[] => [
  `holdfast://sessions/${id}/state/a%20b!~%2F%C3%A9`,
  `holdfast://sessions/${id}/state/a%20b%21~%2F%C3%A9`, // RFC 6570
  `holdfast://sessions/${id}/state/a%20b!%7e%2f%c3%a9`,
  `HOLDFAST://Sessions/${id}/./history/../state/%61%20b!~%2F%C3%A9`,
  `holdfast://sessions:/${id}/%73tate/a%20b!~%2F%C3%A9`,
];

describe("equal uris", () => {
  it("have one canonical spelling, and others keep theirs", () => {
    const equal: Record<string, string[]> = {
      [`holdfast://sessions/${ID}/state/a%20b!~%2F%C3%A9`]: spellings(ID),
      "holdfast://sessions": [
        "holdfast://sessions/",
        "Holdfast://SESSIONS",
        "holdfast://sessions/.",
      ],
      [`holdfast://sessions/${ID}`]: [
        `holdfast://sessions/x/../${ID}`,
        `holdfast://sessions/%35${ID.slice(1)}`,
      ],
      [`holdfast://sessions/${ID}/history`]: [`holdfast://sessions/${ID}/%68istory?before=7`],
      [`holdfast://sessions/${ID}/state/..`]: [`holdfast://sessions/${ID}/state/%2E%2e`],
      "mem://host/a~b/%C3%A9": ["MEM://HOST/a%7Eb/%c3%a9", "mem://host/./x/../a~b/%C3%a9"],
      "urn:x:~": ["URN:x:%7e"],
    };
    for (const [canonical, uris] of Object.entries(equal))
      for (const uri of [canonical, ...uris])
        expect([uri, canonicalUri(uri)]).toEqual([uri, canonical]);
    for (const uri of [
      "holdfast://sessions/%ff/state/%",
      "no uri",
      "",
      "mem://a/b%2Fc",
      "mem://a/B",
    ])
      expect(canonicalUri(uri)).toBe(uri.replace("%ff", "%FF"));
  });

  it("are read alike, and the answer says them as they were asked", async () => {
    const memory = defineResource({ uri: "mem://host/a~b", name: "mine", read: () => "mine" });
    const { url } = await serveHere({ resources: [memory] });
    const client = await introduce(url);
    await client.call("state_set", { key: KEY, value: 42 });
    const read = async (uri: string): Promise<Json[]> =>
      (await client.ask("resources/read", { uri })).messages[0]!["result"].contents as Json[];
    for (const uri of spellings(client.id))
      expect(await read(uri)).toMatchObject([{ uri, text: "42" }]);
    expect(await read("mem://HOST/a%7eb")).toMatchObject([
      { uri: "mem://HOST/a%7eb", text: "mine" },
    ]);
  });

  for (const version of VERSIONS) {
    it(`bring one piece of news, spelled as it was asked for last (${version})`, async () => {
      const { url } = await serveHere();
      const writer = await introduce(url);
      await writer.call("state_set", { key: KEY, value: 1 });
      const client = await connect(version, { url });
      const [, rfc6570, lower] = spellings(await writer.session()) as [string, string, string];
      const following = await client.follow(rfc6570, lower);
      await writer.call("state_set", { key: KEY, value: 2 });
      await expect.poll(() => client.updates, { timeout: 10_000 }).toEqual([lower]);
      await following.stop();
    });
  }
});

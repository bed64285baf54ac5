// What can be learned of a server without connecting to it, and the skill that it offers to those who have.
import { createHash } from "node:crypto";
import { request } from "node:http";
import { describe, expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { serveHere } from "../support/here.ts";
import { askModern } from "../support/modern.ts";
import { serveWithKeys } from "../support/people.ts";
import { introduce, type Json } from "../support/raw.ts";

const CARDS = ["/mcp/server-card", "/.well-known/mcp/server-card.json"];
const CATALOGS = ["/.well-known/ai-catalog.json", "/.well-known/mcp/catalog.json"];

interface Card {
  name: string;
  remotes: { url: string; headers?: { isSecret?: boolean; variables: object }[] }[];
}

describe("a server that nobody has connected to", () => {
  it("tells at its catalog where its card is, and in the card where it is; a page of any origin may ask", async () => {
    const { url } = await serveHere();
    for (const path of CATALOGS) {
      const answer = await fetch(new URL(path, url), { headers: { origin: "https://a.example" } });
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      expect(answer.headers.get("content-type")).toBe("application/ai-catalog+json");
      const { entries } = (await answer.json()) as { entries: { type: string; url: string }[] };
      expect(entries).toHaveLength(1);
      const accept = entries[0]!.type;
      const card = await fetch(entries[0]!.url, { headers: { accept } });
      expect(card.headers.get("content-type")).toBe(accept);
      expect(await card.json()).toMatchObject({
        ...{ name: "localhost/holdfast", version: VERSION },
        remotes: [{ type: "streamable-http", url }],
      });
    }
  });

  it("is named after its public address, says what it speaks, and that it asks for a key", async () => {
    const { url } = await serveWithKeys({
      ...{ "public-url": "https://mcp.example.org", "insecure-no-auth": true },
    });
    for (const path of CARDS) {
      const card = (await (await fetch(new URL(path, url))).json()) as Card;
      expect(card.name).toBe("org.example.mcp/holdfast");
      expect(card.name).toMatch(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
      expect(card.remotes).toMatchObject([
        {
          url: "https://mcp.example.org/mcp",
          supportedProtocolVersions: expect.arrayContaining(["2026-07-28", "2025-11-25"]) as object,
          headers: [{ name: "Authorization", variables: { key: { isSecret: true } } }],
        },
      ]);
    }
  });

  it("is silent to who names a host that it does not know", async () => {
    const { url } = await serveHere({
      config: { "allowed-hosts": "known.example", "insecure-no-auth": true },
    });
    const ask = async (path: string, host: string): Promise<number> => {
      return new Promise((resolve, reject) => {
        request(new URL(path, url), { headers: { host } }, (answer) => {
          answer.resume();
          resolve(answer.statusCode!);
        })
          .on("error", reject)
          .end();
      });
    };
    for (const path of [...CARDS, ...CATALOGS])
      expect([await ask(path, "known.example"), await ask(path, "evil.example")]).toEqual([
        200, 403,
      ]);
  });
});

describe("the skill", () => {
  it.each(["2025", "2026"])(
    "is listed and read in the era of %s, as its entry says",
    async (era) => {
      const { url } = await serveHere();
      const client = era === "2025" ? await introduce(url) : undefined;
      const ask = async (method: string, params: object = {}): Promise<Json> => {
        const answer = client
          ? await client.ask(method, params)
          : await askModern(url, method, params);
        return (answer.messages[0] as { result: Json }).result;
      };
      const { skills } = (await ask("skills/list")) as unknown as {
        skills: { uri: string; resources: { uri: string; digest: string; size: number }[] }[];
      };
      expect(skills).toHaveLength(1);
      const { uri, resources } = skills[0]!;
      expect(await ask("skills/get", { uri })).toMatchObject({ skill: skills[0] });
      const { contents } = (await ask("resources/read", { uri })) as unknown as {
        contents: { text: string }[];
      };
      const bytes = Buffer.from(contents[0]!.text);
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      expect(resources).toEqual([{ uri, digest, size: bytes.length }]);
    },
  );

  it("names only tools that there are", async () => {
    const { url } = await serveHere();
    const client = await introduce(`${url}?tools=all`);
    const ask = async (method: string, params: object = {}): Promise<Json> =>
      ((await client.ask(method, params)).messages[0] as { result: Json }).result;
    const { contents } = await ask("resources/read", {
      uri: "skill://use-holdfast-memory/SKILL.md",
    });
    const { tools } = await ask("tools/list");
    const known = new Set((tools as { name: string }[]).map(({ name }) => name));
    const text = (contents as { text: string }[])[0]!.text;
    const named = [...text.matchAll(/`([a-z]+_[a-z]+)`/g)].map(([, name]) => name!);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});

// docs/clients.md tells the truth as far as that can be seen from here: its JSON is JSON, its flags are there, and what
// clients are told to start or to connect to works.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { settings } from "../../src/config/config.ts";
import { connect, type TestClient } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startServer } from "../support/process.ts";

const folder = new URL("../../docs/", import.meta.url);
const text = readFileSync(new URL("clients.md", folder), "utf8");

interface Entry {
  url?: string;
  command?: string;
  args?: string[];
}

const entries = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => {
  const config = JSON.parse(match[1]!) as Record<string, Record<string, Entry>>;
  return (config["mcpServers"] ?? config["servers"])!["holdfast"]!;
});

/** The session is made by the first thing that is stored. */
const worksIn = async (client: TestClient): Promise<void> => {
  await client.call("state_set", { key: "seen", value: true });
  expect((await client.call("session_info")).data.name).toBe("work");
};

it.each(entries)(
  "a client that is configured like this reaches the session `work`: %j",
  async (entry) => {
    const data = temporaryFolder();
    if (entry.args?.includes("mcp-remote")) entry.url = entry.args.at(-1)!; // a bridge to that address
    if (entry.url === undefined) {
      const stdio = entry
        .args!.slice(entry.args!.indexOf("stdio") + 1)
        .map((word) => (/^\/path\/to\/.*data$/.test(word) ? data : word));
      return worksIn(await connect("v2", { stdio }));
    }
    const { search, pathname } = new URL(entry.url);
    const server = await startServer({ folder: data });
    return worksIn(await connect("v2", { url: new URL(pathname + search, server.url).href }));
  },
);

it("names only settings that there are", () => {
  const ours = [...text.matchAll(/^holdfast(?: stdio)? (--.*)$/gm)].flatMap((match) =>
    [...match[1]!.matchAll(/--([a-z-]+)/g)].map(([, name]) => name!),
  );
  expect(ours.length).toBeGreaterThan(3);
  for (const name of ours) expect(settings).toHaveProperty([name]);
});

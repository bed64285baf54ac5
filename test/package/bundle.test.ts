// What stores of programs are told: the bundle for Claude Desktop, and the entry for the registry.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { manifest } from "../../scripts/mcpb-manifest.ts";
import { VERSION } from "../../src/version.ts";
import { temporaryFolder } from "../support/folder.ts";
import { PROGRAM } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, "utf8")) as T;

/** As Claude Desktop fills in what a manifest leaves open. */
const filled = (text: string, values: Record<string, string>): string =>
  text.replace(/\$\{([\w.]+)\}/g, (_, name: string) => values[name]!);

it("the bundle's manifest passes its own tool, and starts the server on what its user has chosen", async () => {
  const folder = temporaryFolder();
  const bundle = manifest(process.platform);
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(bundle));
  const tool = file("node_modules/@anthropic-ai/mcpb/dist/cli/cli.js");
  execFileSync(process.execPath, [tool, "validate", join(folder, "manifest.json")]);
  expect(bundle.version).toBe(VERSION);
  const { server, user_config } = bundle;
  expect(server.mcp_config.command).toBe(`\${__dirname}/${server.entry_point}`);
  const values = {
    "user_config.data_folder": join(folder, "data"),
    "user_config.session": user_config.session.default,
  };
  const args = server.mcp_config.args.map((word) => filled(word, values));
  const start = () => rawStdio([], { command: [...PROGRAM, ...args] });
  await (await start()).call("state_set", { key: "colour", value: "green" });
  const { result } = await (await start()).call("state_get", { key: "colour" });
  expect(result?.structuredContent).toMatchObject({ value: "green" });
});

interface Registered {
  name: string;
  description: string;
  version: string;
  packages: {
    identifier: string;
    version: string;
    packageArguments: { type: string; name?: string; value?: string; default?: string }[];
  }[];
}

it("the registry's entry is of this package and version, and its arguments start it", async () => {
  const entry = readJson<Registered>(file("server.json"));
  const npm = readJson<{ name: string; mcpName: string }>(file("package.json"));
  expect(entry).toMatchObject({
    ...{ name: npm.mcpName, version: VERSION },
    packages: [{ identifier: npm.name, version: VERSION }],
  });
  expect(entry.name).toMatch(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
  expect(entry.description.length).toBeLessThanOrEqual(100);
  const args = entry.packages[0]!.packageArguments.flatMap(({ name, value, default: usual }) =>
    name === undefined ? [value!] : [name, usual ?? join(temporaryFolder(), "data")],
  );
  const pipe = await rawStdio([], { command: [...PROGRAM, ...args] });
  const { result } = await pipe.call("state_set", { key: "a", value: 1 });
  expect(result?.isError).toBeFalsy();
});

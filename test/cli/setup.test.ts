// `holdfast setup`: a first key, the address to paste, and word of the first program that signs in.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { Program } from "../support/oauth-program.ts";
import { Person } from "../support/oauth.ts";
import { run } from "../support/process.ts";
import { rows } from "../support/rows.ts";

it("makes a key, writes the public address, and says when a program has signed in", async () => {
  const folder = temporaryFolder();
  const envFile = join(folder, "holdfast.env");
  const args = [
    ...["setup", "--data-dir", folder, "--public-url", "https://mcp.example.org"],
    ...["--principal", "ada", "--environment-file", envFile],
  ];
  const first = await run([...args, "--no-wait"]); // Node itself takes some options away
  expect([first.code, first.stderr]).toEqual([0, ""]);
  const [key] = /hf_\S+/.exec(first.stdout)!;
  expect(first.stdout).toContain("  https://mcp.example.org/mcp\n");
  const [, path] = /https:\/\/mcp\.example\.org(\/console\/link\/\S+)/.exec(first.stdout)!;
  expect(readFileSync(envFile, "utf8")).toBe("HOLDFAST_PUBLIC_URL=https://mcp.example.org\n");
  writeFileSync(envFile, "HOLDFAST_MAX_AGE=90d\nHOLDFAST_PUBLIC_URL=https://old.example\n");

  const { url } = await serveHere({ folder, config: { "auth-server": "true" } });
  const ada = new Person(url, key);
  const sent = { method: "POST", headers: { origin: new URL(url).origin } };
  expect((await ada.open(path!, sent)).at.pathname).toBe("/console/account");
  const again = command(args);
  const claude = await Program.registered(url);
  await claude.tokens(ada);
  const { code, stdout } = await again;
  expect(code).toBe(0);
  expect(stdout).toMatch(/ada has a key already.*keys create --principal ada\n/);
  expect(stdout).not.toContain("/console/link/");
  expect(stdout).toContain("Connected: Claude at claude.ai, as ada.");
  expect(readFileSync(envFile, "utf8")).toBe(
    "HOLDFAST_MAX_AGE=90d\nHOLDFAST_PUBLIC_URL=https://mcp.example.org\n",
  );
  expect(rows(folder, "SELECT principal FROM api_keys")).toEqual([{ principal: "ada" }]);
});

it("promises no default of the public address in its help", async () => {
  const { stdout } = await command(["setup", "--help"]);
  expect(stdout).toMatch(/--public-url <url> +name or https address/);
  expect(stdout).not.toContain("by host and port");
});

it("says what is missing or wrong, and sets nothing up then", async () => {
  const folder = temporaryFolder();
  const place = ["--data-dir", folder];
  const open = ["--public-url", "http://mcp.example.org"];
  for (const [args, says] of [
    [["setup", ...place], "--public-url https://mcp.example.org"],
    [["setup", ...place, ...open, "--principal", "a"], "its https address"],
    [["setup", ...place, "--public-url", "mcp.example.org"], "--principal"],
  ] as const) {
    const { code, stdout, stderr } = await command(args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(says);
  }
});

it("makes nothing that would be gone at its end", async () => {
  const folder = temporaryFolder();
  const envFile = join(folder, "holdfast.env");
  const place = ["--data-dir", folder];
  const address = ["--public-url", "https://mcp.example.org", "--environment-file", envFile];
  for (const args of [
    ["setup", ...place, ...address, "--principal", "ada", "--no-wait"],
    ["keys", "create", ...place, "--principal", "ada"],
    ["clients", "create", ...place, "--name", "App", "--redirect", "https://app.example/"],
  ]) {
    const { code, stdout, stderr } = await command(args, { env: { HOLDFAST_EPHEMERAL: "true" } });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("gone at its end. Unset HOLDFAST_EPHEMERAL.");
  }
  expect(existsSync(envFile)).toBe(false);
});

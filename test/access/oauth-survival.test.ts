// A program's sign-in outlives the process: each of its steps may reach another one, on either engine.
import { auth as authV2 } from "@modelcontextprotocol/client";
import { auth as authV1 } from "@modelcontextprotocol/sdk/client/auth.js";
import { expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { Program, tokensOf } from "../support/oauth-program.ts";
import { fetchHere, Person, program } from "../support/oauth.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { run, startServer } from "../support/process.ts";
import { roundRobin } from "../support/round-robin.ts";

/** From a registration, by the SDK's own code, to renewed tokens; `between` runs after each step. */
async function walk(
  url: string,
  key: string,
  signIn: typeof authV2,
  between: () => Promise<void>,
): Promise<void> {
  const claude = new Program(url);
  const mine = program({ redirectUrl: claude.redirect });
  const way = { serverUrl: url, fetchFn: fetchHere };
  expect(await signIn(mine as never, way)).toBe("REDIRECT");
  claude.clientId = mine.clientId;
  await between();
  const ana = new Person(url, key);
  const shown = await ana.open(mine.authorization);
  await between();
  const consent = await ana.submit(shown, [
    ["key", key],
    ["next", shown.at.searchParams.get("next")!],
  ]);
  const { at } = await ana.submit(consent, [
    ["scope", "read"],
    ["scope", "write"],
    ["decision", "allow"],
  ]);
  await between();
  const [authorizationCode, iss] = ["code", "iss"].map((name) => at.searchParams.get(name)!);
  const back = { ...way, authorizationCode: authorizationCode!, iss: iss! };
  expect(await signIn(mine as never, back)).toBe("AUTHORIZED");
  const first = { access_token: mine.token, refresh_token: mine.refreshToken };
  await between();
  expect(await claude.knock(first.access_token)).toBe(200);
  expect(await signIn(mine as never, way)).toBe("AUTHORIZED"); // renews the tokens
  const second = { access_token: mine.token, refresh_token: mine.refreshToken };
  await between();
  // The answer to a refresh was lost with the process: the program sends it again.
  const third = await tokensOf(await claude.refresh(first.refresh_token));
  for (const { access_token } of [first, second, third])
    expect(await claude.knock(access_token)).toBe(200);
  expect((await ana.open(claude.authorization())).at.host).toBe("claude.ai"); // remembered
  await claude.revoke(third.refresh_token);
  expect(await claude.knock(second.access_token)).toBe(401);
}

it("a SIGKILL between every two steps costs nothing", async () => {
  const folder = temporaryFolder();
  const made = await run([
    ...["keys", "create", "--principal", "ana", "--json", "--data-dir", folder],
  ]);
  const { key } = JSON.parse(made.stdout) as { key: string };
  const nodes: string[] = [];
  const { url } = await roundRobin(nodes);
  const args = ["--public-url", new URL(url).origin, "--auth-server", "true"];
  const start = () => startServer({ folder, args });
  let server = await start();
  nodes.push(server.url);
  await walk(url, key, authV1, async () => {
    await server.kill();
    server = await start();
    nodes[0] = server.url;
  });
});

it("three nodes on one database are one authorization server, while one after the other is killed", async () => {
  const database = await emptyDatabase();
  const addresses: string[] = [];
  const { url } = await roundRobin(addresses);
  const args = ["--pool-size", "2", "--auth-server", "true", "--public-url", new URL(url).origin];
  const made = await run([
    ...["keys", "create", "--principal", "ana", "--json", "--database-url", database.url],
  ]);
  const { key } = JSON.parse(made.stdout) as { key: string };
  const start = () => startServer({ folder: database.url, args });
  const nodes = await Promise.all([start(), start(), start()]);
  addresses.push(...nodes.map((node) => node.url));
  const publicKeys = async () => (await fetch(new URL("/oauth/keys", url))).json();
  const before: unknown = await publicKeys();
  let kills = 0;
  let replacing = Promise.resolve();
  const replace = async (index: number): Promise<void> => {
    nodes[index] = await start();
    addresses[index] = nodes[index].url;
  };
  await walk(url, key, authV2, async () => {
    await replacing; // two others answer meanwhile
    const victim = kills++ % nodes.length;
    await nodes[victim]!.kill();
    if (kills <= nodes.length) replacing = replace(victim); // one is left at the end
  });
  expect(await publicKeys()).toEqual(before);
  expect(JSON.stringify(before)).not.toContain('"d"');
});

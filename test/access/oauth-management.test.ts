// Programs that sign in and what people have allowed them, as commands, the console and the doctor show and end them.
import { expect, it } from "vitest";
import { filledFolder } from "../support/filled.ts";
import { temporaryFolder } from "../support/folder.ts";
import { Program } from "../support/oauth-program.ts";
import { Person } from "../support/oauth.ts";
import { type KeyedServer, serveWithKeys } from "../support/people.ts";
import { signedIn } from "../support/plain-browser.ts";
import { run } from "../support/process.ts";
import { rows } from "../support/rows.ts";

const connected = async (): Promise<{ server: KeyedServer; claude: Program; token: string }> => {
  const server = await serveWithKeys({ "auth-server": "true" });
  const ana = new Person(server.url, await server.key("ana"));
  const claude = await Program.registered(server.url);
  const { access_token: token } = await claude.tokens(ana);
  return { server, claude, token };
};

it("commands list grants and clients beside the server, and end them at once", async () => {
  const { server, claude, token } = await connected();
  const place = ["--data-dir", server.folder];
  const json = async (...args: string[]) =>
    JSON.parse((await run([...args, "--json", ...place])).stdout) as Record<string, unknown>[];
  const [grant, ...others] = await json("grants", "list", "--principal", "ana");
  expect(others).toEqual([]);
  expect(grant).toMatchObject({
    ...{ principal: "ana", client: claude.clientId, client_name: "Claude" },
    ...{ redirect_host: "claude.ai", scopes: ["read", "write"] },
  });
  expect(await json("clients", "list")).toMatchObject([
    { id: claude.clientId, name: "Claude", kind: "registered", expires_at: null },
  ]);
  const revoked = await run(["grants", "revoke", String(grant!["id"]), ...place]);
  expect(revoked.stdout).toContain("is revoked");
  expect(await claude.knock(token)).toBe(401);
  const table = await run(["grants", "list", ...place]);
  expect(table.stdout).toBe("Nobody has allowed a program anything.\n");
  expect((await run(["grants", "revoke", "x", ...place])).stderr).toContain("no grant");
});

it("a client made by hand signs in, and is deleted with all that was allowed", async () => {
  const { server } = await connected();
  const { oauthClients, grants } = server.app;
  const redirect = "https://chatgpt.com/connector_platform_oauth_redirect";
  const made = await oauthClients.create({ name: "ChatGPT", redirects: [redirect] });
  const program = new Program(server.url, redirect);
  program.clientId = made.id;
  const bob = new Person(server.url, await server.key("bob"));
  const { access_token } = await program.tokens(bob);
  expect(await program.knock(access_token)).toBe(200);
  await oauthClients.delete(made.id);
  expect(await program.knock(access_token)).toBe(401);
  expect(await grants.list("bob")).toEqual([]);
  await expect(oauthClients.delete(made.id)).rejects.toMatchObject({ code: "not_found" });
  for (const wrong of ["http://chatgpt.com/cb", "javascript:alert(1)", "no address"])
    await expect(
      oauthClients.create({ name: "x", redirects: [wrong] }),
      wrong,
    ).rejects.toMatchObject({ code: "invalid" });
});

it("a person disconnects the own programs in the console, and nobody else's", async () => {
  const { server, claude, token } = await connected();
  const again = await claude.tokens(new Person(server.url, await server.key("ana")));
  const [grant] = await server.app.grants.list("ana");
  const path = `/console/account/programs/${grant!.id}/disconnect`;
  const bob = await signedIn(server, "bob");
  expect((await bob.browser.send("/console/account", path)).status).toBe(404);
  expect(await claude.knock(token)).toBe(200);
  const ana = await signedIn(server, "ana");
  const shown = await (await ana.browser.get("/console/account")).text();
  expect(shown).toContain("Connected programs");
  expect(shown).toContain("Disconnect Claude");
  expect((await ana.browser.send("/console/account", path)).status).toBe(303);
  // All sign-ins of the program, or the next one would need no question.
  for (const one of [token, again.access_token]) expect(await claude.knock(one)).toBe(401);
  expect(await (await ana.browser.get("/console/account")).text()).not.toContain("claude.ai");
});

it("each step is in the audit, without a secret", async () => {
  const { server, claude, token } = await connected();
  const [grant] = await server.app.grants.list("ana");
  await claude.revoke(token);
  const audit = rows(server.folder, "SELECT principal, action, subject, detail FROM audit");
  const entry = (principal: string, action: string, subject: string, detail: string) => ({
    ...{ principal, action, subject, detail },
  });
  expect(audit).toEqual(
    expect.arrayContaining([
      entry("(nobody)", "client registered", claude.clientId, "Claude"),
      entry("ana", "grant created", grant!.id, "read write for Claude at claude.ai"),
      entry("ana", "grant revoked", grant!.id, "of Claude"),
    ]),
  );
  expect(JSON.stringify(audit)).not.toContain(token);
});

it("the command line knows that a server with a sign-in asks, before there is a key", async () => {
  const place = ["--data-dir", await filledFolder(), "--auth-server", "true"];
  expect((await run(["console", ...place])).stdout).toContain("/console/link/");
  const env = { HOLDFAST_AUTH_SERVER: "true" };
  const listed = await run(["keys", "list", ...place.slice(0, 2)], { env });
  expect(listed.stdout).toContain("callers need an access token");
});

it("a link to the console says that a principal has no effect where nobody is asked", async () => {
  const folder = temporaryFolder();
  const place = ["--data-dir", folder];
  await run(["call", "session_list", ...place]);
  const { stdout, stderr } = await run(["console", "--principal", "ada", ...place]);
  expect(stdout).toMatch(/\/console\n$/);
  expect(stderr).toContain("There are no keys: everybody is local, and --principal has no effect.");
});

it("the doctor says that a server with a sign-in is not open", async () => {
  const { server } = await connected();
  const { stdout } = await run([
    ...["doctor", "--json", "--data-dir", server.folder],
    ...["--public-url", "https://memory.example.org"],
  ]);
  expect(stdout).toContain("A key is required: 2 keys.");
  expect(stdout).toContain(
    "Programs such as claude.ai and ChatGPT sign in at https://memory.example.org/mcp; nobody",
  );
});

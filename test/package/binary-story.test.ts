// A self-hoster's whole way with nothing but the binary: serve, connect, chat, lose the process, go on, back up, restore
// elsewhere, ask the doctor.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { connect } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { MAY_BE_DONE } from "../support/interrupted.ts";
import { says, startModel } from "../support/model-server.ts";
import { run, startServer } from "../support/process.ts";

const BUILD = fileURLToPath(new URL("../../scripts/build-binary.ts", import.meta.url));

/** What `npx @modelcontextprotocol/inspector` starts. */
const INSPECTOR = fileURLToPath(new URL("../../node_modules/.bin/inspector", import.meta.url));

interface Shown {
  content: { text: string }[];
  structuredContent: Record<string, unknown>;
}

/** The Inspector's command line, as its user types it; each time it is a new client. */
async function inspect(url: string, ...args: string[]): Promise<Shown> {
  const program = [process.execPath, INSPECTOR];
  const env = { HOME: temporaryFolder() };
  const { code, stdout, stderr } = await run(["--cli", url, "--method", ...args], { program, env });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Shown;
}

const chat = (url: string, prompt: string): Promise<Shown> =>
  inspect(url, "tools/call", "--tool-name", "chat", "--tool-arg", `prompt=${prompt}`);

it("from the binary alone: serve, chat, kill, resume, back up, restore elsewhere, all is well", async () => {
  const home = temporaryFolder();
  const binary = join(home, "holdfast");
  execFileSync(process.execPath, [BUILD, binary]);
  const program = ["/usr/bin/env", "-i", "PATH=/nowhere", "TMPDIR=/tmp", binary];
  const command = (...args: string[]) => run(args, { program, cwd: home });
  const model = await startModel();
  const options = { folder: join(home, "data"), program, args: model.args };

  // Serve, and connect the Inspector.
  const first = await startServer(options);
  const work = `${first.url}?name=work&tools=all`; // the Inspector calls only what is listed
  expect(JSON.stringify(await inspect(work, "tools/list"))).toContain('"chat_retry"');
  const greeted = await chat(work, "My cat is called Ada.");
  expect(greeted.content[0]!.text).toBe("Answer to: My cat is called Ada.");

  // Kill it in the middle of an answer: the same client gets an outcome, and goes on where it was.
  const client = await connect("v2", { url: work });
  model.next(says("It is ", new Promise(() => undefined)));
  const asked = client.call("chat", { prompt: "What is my cat called?" });
  await model.called(2);
  await first.kill();
  const second = await startServer({ ...options, port: first.port });
  expect(await asked).toMatchObject({ isError: true, text: expect.stringMatching(MAY_BE_DONE) });
  expect((await client.call("chat_retry")).text).toBe("Answer to: What is my cat called?");
  const { id } = client;
  const history = (await client.call("history_get")).data.messages;
  expect(history).toMatchObject([
    { role: "user", content: "My cat is called Ada." },
    { role: "assistant", model: "scripted-1" },
    { role: "user", content: "What is my cat called?", status: "complete" },
    { role: "assistant", content: "Answer to: What is my cat called?" },
  ]);

  // Back up beside the running server, restore elsewhere.
  const file = join(home, "copy.db");
  const elsewhere = join(home, "elsewhere");
  expect(await command("backup", file)).toMatchObject({ code: 0, stderr: "" });
  expect(await command("restore", file, "--data-dir", elsewhere)).toMatchObject({ code: 0 });
  for (const folder of ["data", "elsewhere"]) {
    const { code, stdout } = await command("doctor", "--data-dir", folder);
    expect(stdout).toMatch(/\nAll is well\.\n$/);
    expect(code).toBe(0);
  }

  // The restored folder under the old address: the same client goes on, and the Inspector finds the conversation.
  expect(await second.stop()).toBe(0);
  await startServer({ ...options, folder: elsewhere, port: first.port });
  expect((await client.call("history_get")).data.messages).toEqual(history);
  expect(client.id).toBe(id);
  const found = await inspect(work, "tools/call", "--tool-name", "history_get");
  expect(found.structuredContent["messages"]).toEqual(history);
  expect(readdirSync(home).sort()).toEqual(["copy.db", "data", "elsewhere", "holdfast"]);
});

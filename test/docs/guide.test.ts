// docs/guide.md: every example is run as it stands, in order, by a real client and the real command line.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { connect } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { says, startModel } from "../support/model-server.ts";
import { run, startServer } from "../support/process.ts";

interface Example {
  /** `sh`, or the tool that is called. */
  kind: string;
  text: string;
}

const GUIDE = readFileSync(new URL("../../docs/guide.md", import.meta.url), "utf8");

const EXAMPLES: Example[] = [...GUIDE.matchAll(/^```(?:json )?(?!text$)(\w+)\n(.*?)^```$/gms)].map(
  ([, kind, text]) => ({ kind: kind!, text: text! }),
);

/** A ChatGPT export with one conversation of one turn. */
const CONVERSATIONS = [
  {
    title: "Compost",
    create_time: 1_700_000_000,
    update_time: 1_700_000_100,
    conversation_id: "6b0e0c7e-0000-4000-8000-000000000001",
    current_node: "b",
    mapping: {
      root: { id: "root", message: null, parent: null, children: ["a"] },
      a: node("a", "root", ["b"], "user", "What goes on a compost heap?"),
      b: node("b", "a", [], "assistant", "Whatever once grew."),
    },
  },
];

function node(id: string, parent: string, children: string[], role: string, text: string): object {
  const content = { content_type: "text", parts: [text] };
  const message = { id, author: { role }, create_time: 1_700_000_050, content };
  return { id, parent, children, message };
}

it("the guide's examples work as they stand", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "conversations.json"), JSON.stringify(CONVERSATIONS));
  const model = await startModel();
  model.reply = () => says("Two metres are enough. Pinch them out at the top.");
  const args = ["--model-url", model.url, "--model", "qwen3"];
  const server = await startServer({ folder: join(cwd, "data"), args });
  const client = await connect("v2", { url: `${server.url}?name=garden` });
  const [serve, ...examples] = EXAMPLES;
  expect(serve!.text).toMatch(/^holdfast serve --model-url \S+ --model qwen3 --data-dir data\n$/);
  expect(examples.length).toBeGreaterThan(20);
  for (const { kind, text } of examples) {
    if (kind === "sh") {
      const [program, ...words] = text.trim().split(" ");
      expect(program).toBe("holdfast");
      const done = await run(words, { cwd });
      expect([done.code, done.stderr], text).toEqual([0, expect.any(String)]);
      continue;
    }
    const answer = await client.call(kind, JSON.parse(text) as Record<string, unknown>);
    expect(answer.isError, `${kind} ${text} ${answer.text}`).toBe(false);
    if (kind === "history_search") expect(answer.data["hits"], text).not.toEqual([]);
  }
  expect(readFileSync(join(cwd, "garden.md"), "utf8")).toContain("And sweet peas?");
  const { stdout } = await run(["sessions", "list", "--data-dir", "data", "--json"], { cwd });
  const titles = (JSON.parse(stdout) as { title: string }[]).map(({ title }) => title);
  expect(titles.toSorted()).toEqual(
    ["Compost", "Only a question", "The garden", "The garden (fork)"].toSorted(),
  );
});

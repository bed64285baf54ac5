// An export as Markdown stays readable whatever its messages leave open: each message is under its own heading.
import MarkdownIt from "markdown-it";
import { expect, it } from "vitest";
import { toMarkdown } from "../../src/transfer/formats/markdown.ts";
import { temporaryFolder } from "../support/folder.ts";
import { appOn, imported, jsonl, messageLine, sessionLine, endLine } from "../support/transfer.ts";

const OPEN = [
  "```ts\nconst a = 1;",
  "````md\n```\nnot the end\n```",
  "~~~\n```\n~~~ not the end",
  "   ```\ncode",
  "```\ncode\n    ```",
  "<!-- a note",
  "<pre>\n\ntext",
  "<SCRIPT>\nlet a;",
  "<style>x",
  "<?php echo 1;",
];
const CLOSED = [
  "```\ncode\n```",
  "~~~~\ncode\n~~~~~",
  "`` ` ``",
  "```inline``` code",
  "<!-- a --> b",
  "1 <pre> 2",
];

it("keeps a heading for each message, and adds nothing to what is closed", async () => {
  const contents = [...OPEN, ...CLOSED];
  const app = await appOn(temporaryFolder());
  const messages = contents.map((content, n) => messageLine(n + 1, { content }));
  await imported(app, jsonl(sessionLine(), ...messages, endLine(0, contents.length)));
  const { sessions } = await app.operator.list(undefined, { limit: 1 });
  const text = (await Array.fromAsync(toMarkdown(app.transfer.read(sessions[0]!.id)))).join("");
  const tokens = new MarkdownIt({ html: true }).parse(text, {});
  const headings = tokens.flatMap(({ type, tag }, n) =>
    type === "heading_open" && tag === "h2" ? [tokens[n + 1]!.content] : [],
  );
  expect(headings).toEqual(contents.map((_, n) => `${n + 1}. user`));
  for (const content of CLOSED) expect(text).toContain(`_\n\n${content}\n\n`);
});

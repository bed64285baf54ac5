// `chat` as a task, where its caller asks for one.
import { expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { says, startModel } from "../support/model-server.ts";
import { callModern } from "../support/modern.ts";
import { startServer } from "../support/process.ts";
import { rows, transcript } from "../support/rows.ts";
import { DONE, TAKES_TASKS, taskClient } from "../support/tasks.ts";

it("chat answers as a task with `background`, and as ever without", async () => {
  const model = await startModel();
  const { url, folder } = await serveHere({ config: { "model-url": model.url, model: "m" } });
  const client = taskClient(url);
  const id = await client.begin("chat", { prompt: "Why?", background: true });
  const { status, result } = await client.until(id, ...DONE);
  expect(status).toBe("completed");
  expect(result.structuredContent).toMatchObject({ question_seq: 1, answer_seq: 2 });
  const options = { capabilities: TAKES_TASKS };
  const plain = await callModern(url, "chat", { prompt: "And?" }, options);
  expect(plain.data).toMatchObject({ question_seq: 3 });
  expect(rows(folder, "SELECT count(*) AS n FROM tasks")).toEqual([{ n: 1 }]);
});

it("chat in the background goes on after the death of the process, with one question and one answer", async () => {
  const model = await startModel();
  model.next(says("Because ", new Promise(() => undefined)), says("It is so."));
  const folder = temporaryFolder();
  const args = [...model.args];
  const first = await startServer({ folder, args });
  const id = await taskClient(first.url).begin("chat", { prompt: "Why?", background: true });
  await model.called(1);
  await first.kill();
  const next = await startServer({ folder, args });
  expect(await taskClient(next.url).until(id, ...DONE)).toMatchObject({
    status: "completed",
    result: { structuredContent: { question_seq: 1 } },
  });
  expect(transcript(folder)).toEqual(["1 user complete Why?", "2 assistant complete It is so."]);
});

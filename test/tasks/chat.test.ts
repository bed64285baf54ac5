// `chat` as a task, where its caller asks for one.
import { expect, it } from "vitest";
import { serveHere } from "../support/here.ts";
import { startModel } from "../support/model-server.ts";
import { callModern } from "../support/modern.ts";
import { rows } from "../support/rows.ts";
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

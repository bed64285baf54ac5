// `holdfast tasks`, beside a server that runs.
import { inputRequired } from "@modelcontextprotocol/server";
import { expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { command } from "../support/command.ts";
import { serveHere } from "../support/here.ts";
import { DONE, taskClient } from "../support/tasks.ts";

it("lists tasks, shows one with its question, and cancels it in the process that runs", async () => {
  const asks = defineTool({
    ...{ name: "asks", description: "Asks.", task: "optional", session: "none" },
    async handler({ task }) {
      const requestedSchema = z.object({});
      await task.ask("sure", inputRequired.elicit({ message: "Sure?", requestedSchema }));
    },
  });
  const runs = defineTool({
    ...{ name: "runs", description: "Runs.", task: "optional", session: "none" },
    handler: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      }),
  });
  const { url, folder } = await serveHere({ tools: [asks, runs] });
  const client = taskClient(url);
  const [waiting, running] = [await client.begin("asks"), await client.begin("runs")];
  await client.until(waiting, "input_required");
  const tasks = async (...args: string[]) =>
    (await command(["tasks", ...args, "--data-dir", folder])).stdout;
  const listed = JSON.parse(await tasks("list", "--open", "--json")) as { id: string }[];
  expect(listed.map(({ id }) => id).sort()).toEqual([waiting, running].sort());
  expect(await tasks("list", "--principal", "nobody")).toContain("no tasks");
  expect(await tasks("show", waiting)).toMatch(/status +input_required[^]*Sure\?/);
  expect(await tasks("cancel", waiting)).toContain("is cancelled");
  expect(await tasks("cancel", running)).toContain("asked to stop");
  expect(await client.until(running, ...DONE)).toMatchObject({ status: "cancelled" });
  expect((await command(["tasks", "show", "4711", "--data-dir", folder])).stderr).toContain(
    "There is no task",
  );
});

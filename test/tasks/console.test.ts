// Tasks on the console's page of activity.
import { inputRequired } from "@modelcontextprotocol/server";
import { expect, it } from "vitest";
import { z } from "zod";
import { AppError, defineTool } from "../../src/index.ts";
import { bearer } from "../support/bearer.ts";
import { serveWithKeys } from "../support/people.ts";
import { signedIn } from "../support/plain-browser.ts";
import { SECRET } from "../support/shared-session.ts";
import { taskClient } from "../support/tasks.ts";

it("shows each principal its own tasks, the operator all without what they say, and cancels nobody else's", async () => {
  const asks = defineTool({
    ...{ name: "asks", description: "Asks.", task: "optional", session: "none" },
    async handler({ task }) {
      await task.status(`About ${SECRET}`);
      const requestedSchema = z.object({});
      await task.ask("sure", inputRequired.elicit({ message: "Sure?", requestedSchema }));
    },
  });
  const server = await serveWithKeys({}, { tools: [asks] });
  const [ana, bob] = [await signedIn(server, "ana"), await signedIn(server, "bob")];
  const operator = await signedIn(server, "op", "admin");
  const client = taskClient(server.url, bearer(ana.key));
  const [first, second] = [await client.begin("asks"), await client.begin("asks")];
  for (const id of [first, second]) await client.until(id, "input_required");
  const seen = async ({ browser }: typeof ana): Promise<string> =>
    (await browser.get("/console/activity")).text();
  expect(await seen(ana)).toMatch(new RegExp(`waits for an answer[^]*About ${SECRET}`));
  expect(await seen(bob)).toContain("No call has become a task");
  expect(await seen(operator)).toContain("waits for an answer");
  expect(await seen(operator)).not.toContain(SECRET);
  const cancel = ({ browser }: typeof ana, id: string) =>
    browser.send("/console/import", `/console/activity/tasks/${id}/cancel`);
  expect((await cancel(bob, first)).status).toBe(404);
  expect((await cancel(await signedIn(server, "ana", "read"), first)).status).toBe(403);
  expect((await client.get(first))["status"]).toBe("input_required");
  await cancel(ana, first);
  await cancel(operator, second);
  for (const id of [first, second]) expect((await client.get(id))["status"]).toBe("cancelled");
});

it("a task whose tool has failed is not told as if it were done", async () => {
  const fails = defineTool({
    ...{ name: "fails", description: "Fails.", task: "optional", session: "none" },
    handler: () => Promise.reject(new AppError("unavailable", "The archive is closed.")),
  });
  const server = await serveWithKeys({}, { tools: [fails] });
  const ana = await signedIn(server, "ana");
  const client = taskClient(server.url, bearer(ana.key));
  await client.until(await client.begin("fails"), "completed");
  const page = await (await ana.browser.get("/console/activity")).text();
  expect(page).toMatch(/completed\s+<span [^>]*>Failed: The archive is closed\./);
});

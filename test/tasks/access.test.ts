// Who may read, answer and cancel a task: its owner, with credentials that may call its tool.
import { inputRequired } from "@modelcontextprotocol/server";
import { expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { bearer } from "../support/bearer.ts";
import { listen } from "../support/listening.ts";
import { serveWithKeys } from "../support/people.ts";
import { accept, DONE, TAKES_TASKS, taskClient } from "../support/tasks.ts";

const SCOPES = ["read", "write", "admin"] as const;

const asking = (scope: (typeof SCOPES)[number]) =>
  defineTool({
    ...{ name: `asks_${scope}`, description: "Asks.", task: "required", session: "none" },
    scope,
    async handler({ task }) {
      await task.status("secret");
      const requestedSchema = z.object({});
      await task.ask("sure", inputRequired.elicit({ message: "Sure?", requestedSchema }));
      return "done";
    },
  });

it("credentials that may call a tool may read, answer and cancel its tasks, and no others may", async () => {
  const { url, person, key } = await serveWithKeys({}, { tools: SCOPES.map(asking) });
  const admin = taskClient(url, bearer(await key("ana", { scope: "admin" })));
  for (const [rank, scope] of SCOPES.entries()) {
    const headers = bearer(await key("ana", { scope }));
    const client = taskClient(url, headers);
    const tools = await person("ana", "2025", scope);
    for (const [needs, tool] of SCOPES.entries()) {
      const ids = [await admin.begin(`asks_${tool}`), await admin.begin(`asks_${tool}`)] as const;
      for (const id of ids) await admin.until(id, "input_required");
      const listed = async () => (await tools.call("task_list", { open: true })).data["tasks"];
      const wanted = { notifications: { taskIds: [ids[0]] } };
      const stream = await listen(url, wanted.notifications, {
        ...{ capabilities: TAKES_TASKS, headers },
      });
      const heard = (await stream.next())!["params"].notifications;
      if (rank >= needs) {
        expect(heard).toEqual(wanted.notifications);
        expect((await listed()).map((task: { task_id: string }) => task.task_id)).toContain(ids[0]);
        expect(await client.get(ids[0])).toMatchObject({ statusMessage: "secret" });
        expect(await client.answer(ids[0], { sure: accept({}) })).toMatchObject({ result: {} });
        expect(await client.until(ids[0], ...DONE)).toMatchObject({ status: "completed" });
        const cancelled = await tools.call("task_cancel", { task_id: ids[1] });
        expect(cancelled.data["outcome"]).toBe("cancelled");
      } else {
        expect(heard).toEqual({});
        expect(JSON.stringify(await listed())).not.toContain(ids[0]);
        for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
          const { error } = await client.ask(method, { taskId: ids[0], inputResponses: {} });
          expect(error.message).toMatch(`needs the scope ${tool}`);
        }
        for (const name of ["task_get", "task_answer", "task_cancel"]) {
          const { isError, says } = await tools.call(name, { task_id: ids[1] });
          expect(isError).toBe(true);
          expect(says).toMatch(`needs the scope ${tool}`);
        }
        for (const id of ids)
          expect(await admin.get(id)).toMatchObject({ status: "input_required" });
      }
      for (const id of ids) await admin.cancel(id);
    }
  }
});

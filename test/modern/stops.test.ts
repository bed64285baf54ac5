// A server that stops leaves no 2026 caller without a word.
import { describe, expect, it } from "vitest";
import { connect, isModern, VERSIONS } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate } from "../support/here.ts";
import { openingHome } from "../support/home.ts";
import { MAY_BE_DONE } from "../support/interrupted.ts";
import { isSilent, says, startModel } from "../support/model-server.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import { startServer } from "../support/process.ts";
import { eventsOf } from "../support/raw.ts";
import { transcript } from "../support/rows.ts";

const modern = VERSIONS.filter(isModern);

describe("SIGTERM while a 2026 call is in flight", () => {
  for (const version of modern) {
    it(`lets it have its answer within the grace (${version})`, async () => {
      const [model, answering, folder] = [await startModel(), gate(), temporaryFolder()];
      const server = await startServer({ folder, args: model.args });
      const client = await connect(version, server);
      model.next(says("Hello ", answering.wait, "world."));
      const answer = client.call("chat", { prompt: "Hello?" });
      await model.called(1);
      const exit = server.stop();
      answering.open();
      const { text, isError, data } = await answer;
      expect({ text, isError }).toEqual({
        text: openingHome("Hello world.", data["session"]),
        isError: false,
      });
      expect(await exit).toBe(0);
      expect(server.errors()).toBe("");
    });

    it(`tells that it was interrupted and may have been done when the grace is over (${version})`, async () => {
      const [model, folder] = [await startModel(), temporaryFolder()];
      const args = [...model.args, "--shutdown-grace", "100ms"];
      const first = await startServer({ folder, args });
      const client = await connect(version, first);
      const { session } = (await client.call("session_open")).data;
      const ask = { session, prompt: "Still there?" };
      model.next(isSilent);
      const outcome = client.call("chat", ask);
      const { aborted } = await model.called(1);
      expect(await first.stop()).toBe(0);
      expect(await outcome).toMatchObject({
        isError: true,
        text: expect.stringMatching(MAY_BE_DONE),
      });
      await aborted;
      expect(transcript(folder)).toEqual(["1 user interrupted Still there?"]);
      await startServer({ folder, args, port: first.port });
      expect((await client.call("chat", ask)).text).toBe("Answer to: Still there?");
    });
  }
});

describe("a stop", () => {
  it("ends listen streams with a final result, as the last word of a stream that is whole", async () => {
    const server = await startServer({ folder: temporaryFolder() });
    const uris = ["holdfast://sessions"];
    const params = { notifications: { resourceSubscriptions: uris } };
    const request = modernRequest("subscriptions/listen", params, { id: "news" });
    const raw = (await postModern(server.url, request)).text(); // rejects when the connection is torn
    const clients = await Promise.all(modern.map((version) => connect(version, server)));
    const followed = await Promise.all(clients.map((client) => client.follow(...uris)));
    expect(await server.stop()).toBe(0);
    for (const { ended } of followed) expect(await ended).toBe("graceful");
    expect(eventsOf(await raw).at(-1)).toMatchObject({
      id: "news",
      result: {
        resultType: "complete",
        _meta: { "io.modelcontextprotocol/subscriptionId": "news" },
      },
    });
  });

  it("ends them over stdio too", async () => {
    const client = await connect("pinned", { stdio: ["--data-dir", temporaryFolder()] });
    const { ended } = await client.follow("holdfast://sessions");
    process.kill(client.pid!, "SIGTERM");
    expect(await ended).toBe("graceful");
  });
});

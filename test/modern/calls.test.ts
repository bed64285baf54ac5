// A 2026 request ends with its connection, and only that one does.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { definePrompt, defineResource, defineTool } from "../../src/index.ts";
import { connect, isModern, VERSIONS } from "../support/clients.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { isSilent, startModel } from "../support/model-server.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import { startServer } from "../support/process.ts";
import { read } from "../support/raw.ts";
import { transcript } from "../support/rows.ts";

const modern = VERSIONS.filter(isModern);

/** A server with a tool that waits until it is cancelled; with `steps` it tells progress before that. */
async function waiting({ steps }: { steps: number }) {
  const [begun, cancelled] = [gate(), gate()];
  const hang = defineTool({
    name: "hang",
    description: "Waits until it is cancelled.",
    session: "optional",
    async handler({ signal, progress }) {
      signal.addEventListener("abort", cancelled.open);
      for (let step = 1; step <= steps; step++) await progress(step);
      begun.open();
      await cancelled.wait;
      return "cancelled";
    },
  });
  const server = await serveHere({ tools: [hang] });
  return { server, begun: begun.wait, cancelled: cancelled.wait };
}

describe("a 2026 call whose connection breaks", () => {
  for (const version of modern) {
    for (const [when, steps] of Object.entries({ "before any byte": 0, "after progress": 2 })) {
      it(`is cancelled in its handler, ${when} of the answer (${version})`, async () => {
        const { server, begun, cancelled } = await waiting({ steps });
        const client = await connect(version, server);
        // A call that is silent for long is answered with a stream that has not said anything: not in this test.
        vi.useFakeTimers({ toFake: ["setTimeout"] });
        onTestFinished(() => void vi.useRealTimers());
        const leaving = new AbortController();
        const told: number[] = [];
        const heard = gate();
        const outcome = client
          .call(
            "hang",
            {},
            {
              signal: leaving.signal,
              onprogress({ progress }) {
                told.push(progress);
                if (progress === steps) heard.open();
              },
            },
          )
          .catch((error: unknown) => error);
        await begun;
        if (steps > 0) await heard.wait;
        leaving.abort();
        await cancelled;
        vi.useRealTimers();
        expect(await outcome).toBeInstanceOf(Error);
        expect(told).toHaveLength(steps);
        // The server goes on, for this client too.
        expect((await client.call("session_open")).data.created).toBe(true);
      });
    }
  }

  it("takes only itself with it: a call with the same id goes on", async () => {
    const [begun, finish, aborted] = [gate(), gate(), gate()];
    let running = 0;
    const wait = defineTool({
      name: "wait",
      description: "Waits.",
      session: "optional",
      async handler({ signal }) {
        signal.addEventListener("abort", aborted.open);
        if (++running === 2) begun.open();
        await finish.wait;
        return "done";
      },
    });
    const { url } = await serveHere({ tools: [wait] });
    const leaving = new AbortController();
    const message = modernRequest("tools/call", { name: "wait", arguments: {} }, { id: "same" });
    const left = postModern(url, message, { signal: leaving.signal }).catch(() => "left");
    const stays = postModern(url, message);
    await begun.wait;
    leaving.abort();
    await aborted.wait;
    finish.open();
    expect(await left).toBe("left");
    expect(await (await stays).json()).toMatchObject({
      id: "same",
      result: { content: [{ text: "done" }] },
    });
  });

  for (const transport of ["http", "stdio"]) {
    it(`lets the model go, and its question can be asked again (${transport})`, async () => {
      const [model, folder] = [await startModel(), temporaryFolder()];
      const args = ["--data-dir", folder, ...model.args];
      const target =
        transport === "http" ? await startServer({ folder, args: model.args }) : { stdio: args };
      const client = await connect("pinned", target);
      const { session } = (await client.call("session_open")).data;
      const leaving = new AbortController();
      model.next(isSilent);
      const ask = { session, prompt: "Still there?" };
      const outcome = client.call("chat", ask, { signal: leaving.signal }).catch(() => "left");
      const call = await model.called(1);
      leaving.abort();
      expect(await outcome).toBe("left");
      await call.aborted;
      await expect.poll(() => transcript(folder)).toEqual(["1 user interrupted Still there?"]);
      expect((await client.call("chat", ask)).text).toBe("Answer to: Still there?");
      expect(transcript(folder)).toEqual([
        "1 user complete Still there?",
        "2 assistant complete Answer to: Still there?",
      ]);
    });
  }
});

describe("a 2026 request that is no call", () => {
  /** Waits in a prompt or a resource; `gone` resolves when it is cancelled there. */
  async function asking(method: "prompts/get" | "resources/read") {
    const [begun, gone, finish] = [gate(), gate(), gate()];
    const slow = definePrompt({
      name: "slow",
      async handler({ signal }) {
        signal.addEventListener("abort", gone.open);
        begun.open();
        await finish.wait;
        return { messages: [] };
      },
    });
    const slowly = defineResource({
      uri: "slow://one",
      name: "slow",
      async read() {
        begun.open();
        await finish.wait;
        return "read";
      },
    });
    const here = await serveHere({
      prompts: [slow],
      resources: [slowly],
      config: { "shutdown-grace": "1h" },
    });
    const params = method === "prompts/get" ? { name: "slow" } : { uri: "slow://one" };
    return {
      ...here,
      begun: begun.wait,
      gone: gone.wait,
      finish,
      message: modernRequest(method, params),
    };
  }

  it("is cancelled in a prompt when its connection breaks", async () => {
    const { url, message, begun, gone, finish } = await asking("prompts/get");
    const leaving = new AbortController();
    const left = postModern(url, message, { signal: leaving.signal }).catch(() => "left");
    await begun;
    leaving.abort();
    expect(await left).toBe("left");
    await gone;
    finish.open();
  });

  for (const method of ["prompts/get", "resources/read"] as const) {
    it(`holds up no stop when its caller has gone (${method})`, async () => {
      const { url, message, begun, stop } = await asking(method);
      const leaving = new AbortController();
      const left = postModern(url, message, { signal: leaving.signal }).catch(() => "left");
      await begun;
      leaving.abort();
      expect(await left).toBe("left");
      await stop();
    });

    it(`has its answer when the server stops (${method})`, async () => {
      const { url, message, begun, stop, finish } = await asking(method);
      const answer = postModern(url, message);
      await begun;
      const stopped = stop();
      await expect.poll(() => refusesNew(url)).toBe(true); // it is on its way
      finish.open();
      const { status, messages } = await read(await answer);
      expect(status).toBe(200);
      expect(messages).toMatchObject([{ id: 1, result: {} }]);
      await stopped;
    });
  }

  const refusesNew = (url: string): Promise<boolean> =>
    postModern(url, modernRequest("tools/list")).then(
      ({ ok }) => !ok,
      () => true,
    );
});

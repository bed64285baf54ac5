// Several processes on one data folder: a server and the stdio programs of two clients, in one named conversation.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { connect, type TestClient } from "../support/clients.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { openingHome } from "../support/home.ts";
import { isSilent, type ModelServer, says, startModel, streams } from "../support/model-server.ts";
import { FIXTURE, startServer } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { eventsOf, introduce, type Json, post, type RawClient, rpc } from "../support/raw.ts";
import { rows, transcript } from "../support/rows.ts";

/** A client of each of three processes, all in the conversation "shared". */
async function threeProcesses(folder: string, args: readonly string[] = []): Promise<TestClient[]> {
  const stdio = ["--data-dir", folder, "--name", "shared", ...args];
  return Promise.all([
    startServer({ folder, args }).then(({ url }) => connect("v1", { url: `${url}?name=shared` })),
    connect("v2", { stdio }),
    connect("v1", { stdio }),
  ]);
}

const users = (folder: string): string[] =>
  transcript(folder).filter((line) => line.includes(" user "));

describe("three processes write to one session at once", () => {
  it("and every acknowledged message is there, numbered without gaps, in each writer's order", async () => {
    const folder = temporaryFolder();
    const writers = await threeProcesses(folder);
    const acknowledged = await Promise.all(
      writers.map(async (client, writer) => {
        const seqs: number[] = [];
        for (let n = 0; n < 40; n++) {
          const content = `writer ${writer} message ${n}`;
          const { data, isError, text } = await client.call("history_append", {
            role: "user",
            content,
          });
          expect(isError, text).toBe(false);
          seqs.push(data.seq as number);
        }
        return seqs;
      }),
    );
    const stored = rows(folder, "SELECT seq, content FROM messages ORDER BY seq");
    expect(stored.map(({ seq }) => seq)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
    for (const [writer, seqs] of acknowledged.entries()) {
      expect(seqs.map((seq) => stored[seq - 1]!["content"])).toEqual(
        Array.from({ length: 40 }, (_, n) => `writer ${writer} message ${n}`),
      );
    }
    // The first calls raced to open the conversation: there is one.
    expect(rows(folder, "SELECT name FROM sessions")).toEqual([{ name: "shared" }]);
  });

  it("and a counter under compare-and-set ends at exactly the number of successes", async () => {
    const folder = temporaryFolder();
    const writers = await threeProcesses(folder);
    const successes = await Promise.all(
      writers.map(async (client) => {
        let won = 0;
        for (let attempt = 0; attempt < 40; attempt++) {
          const { data } = await client.call("state_get", { key: "counter" });
          const value = ((data.value as number | undefined) ?? 0) + 1;
          const if_version = (data.version as number | undefined) ?? 0;
          const set = await client.call("state_set", { key: "counter", value, if_version });
          if (!set.isError) {
            expect(set.data.version).toBe(if_version + 1);
            won++;
          } else expect(set.meta["holdfast/error"], set.text).toBe("conflict");
        }
        return won;
      }),
    );
    const total = successes.reduce((sum, won) => sum + won);
    expect(total).toBeGreaterThanOrEqual(40); // somebody wins every round
    for (const client of writers) {
      expect((await client.call("state_get", { key: "counter" })).data).toMatchObject({
        value: total,
        version: total,
      });
    }
  });
});

/** A model that notices when it is asked while it is still answering. */
function watchful(model: ModelServer): { overlaps: number } {
  const seen = { overlaps: 0 };
  let answering = 0;
  model.reply = ({ messages }) =>
    streams(async function* () {
      if (++answering > 1) seen.overlaps++;
      yield "Answer to: ";
      await new Promise(setImmediate);
      yield messages.at(-1)!.content;
      answering--;
    });
  return seen;
}

describe("chat turns of one session in several processes", () => {
  it("come one after the other, each seeing the answers of the others", async () => {
    const model = await startModel();
    const seen = watchful(model);
    const folder = temporaryFolder();
    const clients = await threeProcesses(folder, model.args);
    await Promise.all(
      clients.map(async (client, writer) => {
        for (let n = 0; n < 4; n++) {
          const { text } = await client.call("chat", { prompt: `${writer}/${n}` });
          expect(text).toBe(`Answer to: ${writer}/${n}`);
        }
      }),
    );
    expect(seen.overlaps).toBe(0);
    const stored = rows(folder, "SELECT role, content FROM messages ORDER BY seq");
    expect(stored).toHaveLength(24);
    for (const [turn, { messages }] of model.calls.entries()) {
      expect(messages).toEqual(stored.slice(0, 2 * turn + 1)); // all that was said before, and the question
    }
  });

  it("with the same request_key ask the model once and get the same answer", async () => {
    const model = await startModel();
    const folder = temporaryFolder();
    const clients = await threeProcesses(folder, model.args);
    const open = Promise.withResolvers<void>();
    model.next(says("Bought", open.promise, "."));
    const asked = clients.map((client) =>
      client.call("chat", { prompt: "Buy it", request_key: "order-1" }),
    );
    await model.called(1);
    open.resolve();
    const answers = await Promise.all(asked);
    expect(answers.map(({ text }) => text)).toEqual(["Bought.", "Bought.", "Bought."]);
    expect(new Set(answers.map(({ data }) => data.answer_seq)).size).toBe(1);
    expect(model.calls).toHaveLength(1);
    expect(transcript(folder)).toHaveLength(2);
  });

  it("are left alone by a process that starts or ends meanwhile", async () => {
    const model = await startModel();
    const folder = temporaryFolder();
    const stdio = ["--data-dir", folder, ...model.args];
    const asking = await connect("v2", { stdio });
    const open = Promise.withResolvers<void>();
    model.next(says("Still ", open.promise, "here."));
    const answer = asking.call("chat", { prompt: "One" });
    await model.called(1);
    const passing = await rawStdio(stdio);
    await passing.call("session_list");
    passing.end();
    expect((await passing.exited).code).toBe(0);
    expect(transcript(folder)).toEqual(["1 user pending One"]);
    open.resolve();
    const { text, data } = await answer;
    expect(text).toBe(openingHome("Still here.", data["session"]));
  });
});

describe("a process killed in the middle of a turn", () => {
  /** A sweep comes every 5 s; the rest is for a busy machine. */
  const SOON_MS = 12_000;

  it("does not block another process's next turn for long", async () => {
    const model = await startModel();
    const folder = temporaryFolder();
    const server = await startServer({ folder, args: model.args });
    const survivor = await connect("v2", { url: `${server.url}?name=shared` });
    const doomed = await rawStdio(["--data-dir", folder, "--name", "shared", ...model.args]);
    model.next(isSilent);
    void doomed.call("chat", { prompt: "One" });
    await model.called(1);
    const next = survivor.call("chat", { prompt: "Two" });
    expect(users(folder)).toEqual(["1 user pending One"]);
    doomed.signal("SIGKILL");
    await doomed.exited;
    const killedAt = performance.now();
    expect((await next).text).toBe("Answer to: Two");
    expect(performance.now() - killedAt).toBeLessThan(SOON_MS);
    expect(users(folder)).toEqual(["1 user interrupted One", "2 user complete Two"]);
    expect(model.calls[1]!.messages).toEqual([{ role: "user", content: "Two" }]);
    expect(rows(folder, "SELECT pid FROM instances")).toEqual([{ pid: server.pid }]);
  });

  it("leaves a question that another process answers in place", async () => {
    const model = await startModel();
    const folder = temporaryFolder();
    const stdio = ["--data-dir", folder, "--name", "shared", ...model.args];
    const doomed = await rawStdio(stdio);
    const survivor = await connect("v1", { stdio });
    model.next(says("Half an ans", new Promise(() => undefined)));
    void doomed.call("chat", { prompt: "One" });
    await model.called(1);
    doomed.signal("SIGKILL");
    await doomed.exited;
    expect((await survivor.call("chat", { prompt: "One" })).data).toMatchObject({
      text: "Answer to: One",
      question_seq: 1,
      answer_seq: 2,
    });
    expect(transcript(folder)).toEqual([
      "1 user complete One",
      "2 assistant complete Answer to: One",
    ]);
  });

  it("loses nothing that it acknowledged", async () => {
    const folder = temporaryFolder();
    const args = ["--data-dir", folder, "--name", "shared"];
    const survivor = await connect("v2", { stdio: args });
    const doomed = await rawStdio(args);
    const acknowledged: string[] = [];
    const enough = Promise.withResolvers<void>();
    for (let n = 0; n < 200; n++) {
      void doomed.call("history_append", { role: "user", content: `note ${n}` }).then(() => {
        acknowledged.push(`note ${n}`);
        if (acknowledged.length === 20) enough.resolve();
      });
    }
    await enough.promise;
    doomed.signal("SIGKILL");
    await doomed.exited;
    const { messages } = (await survivor.call("history_get", { limit: 500 })).data;
    const stored = (messages as { content: string }[]).map(({ content }) => content);
    expect(acknowledged.length).toBeGreaterThanOrEqual(20);
    expect(stored).toEqual(expect.arrayContaining(acknowledged));
    await survivor.call("history_append", { role: "user", content: "life goes on" });
    expect(transcript(folder).at(-1)).toContain("life goes on");
  });
});

describe("a process that was suspended for longer than a heartbeat may take", () => {
  it("gives its turn a true outcome when it wakes, and its next turn works", async () => {
    const model = await startModel();
    const folder = temporaryFolder();
    const stdio = ["--data-dir", folder, "--name", "shared", ...model.args];
    const sleeper = await rawStdio(stdio);
    const open = Promise.withResolvers<void>();
    model.next(says("Late ", open.promise, "answer"));
    const asked = sleeper.call("chat", { prompt: "One" });
    await model.called(1);
    await suspend(sleeper, () => age(folder, sleeper.pid));
    const other = await connect("v2", { stdio }); // looks for dead processes when it starts
    await other.call("history_append", { role: "user", content: "Meanwhile" });
    sleeper.signal("SIGCONT");
    open.resolve();
    const { result } = await asked;
    expect(result?.content?.[0]?.text).toMatch(/^Late answer$|interrupted/);
    expect((await sleeper.call("chat", { prompt: "Two" })).result).toMatchObject({
      structuredContent: { text: "Answer to: Two" },
    });
  });
});

/** Stops a process at a moment in which it does not write, so that `act` finds the database free. */
async function suspend(
  process: { signal(name: NodeJS.Signals): void },
  act: () => void,
): Promise<void> {
  for (;;) {
    process.signal("SIGSTOP");
    try {
      return act();
    } catch (error) {
      if ((error as { code?: string }).code !== "SQLITE_BUSY") throw error;
      process.signal("SIGCONT");
      await sleep(20);
    }
  }
}

/** Makes a process's last heartbeat an old one, instead of waiting for it to become old. */
function age(folder: string, pid: number): void {
  const database = openDatabase(folder, { readonly: false });
  const aged = database.prepare("UPDATE instances SET heartbeat_at = 0 WHERE pid = ?").run(pid);
  expect(aged.changes).toBe(1);
}

describe("a process that was taken for dead in the middle of a call", () => {
  it("stores nothing of it when it wakes, brings what the other one stores, and goes on serving", async () => {
    const folder = temporaryFolder();
    const sleeper = await startServer({ folder, script: FIXTURE });
    const client = await introduce(sleeper.url);
    const params = {
      ...{ name: "count", arguments: { steps: 40, step_ms: 50 } },
      _meta: { progressToken: "p" },
    };
    const answer = await post(sleeper.url, rpc("tools/call", params, 7), client.headers);
    const stored = (query: string): number =>
      rows(folder, `SELECT count(*) AS n FROM ${query}`)[0]!["n"] as number;
    await expect.poll(() => stored("stream_events")).toBeGreaterThan(5);
    process.kill(sleeper.pid, "SIGSTOP");
    forget(folder, sleeper.pid);
    const other = await startServer({ folder, script: FIXTURE });
    // It runs the call again, and is ahead of the first run.
    await expect.poll(() => stored("stream_events")).toBeGreaterThan(20);
    process.kill(sleeper.pid, "SIGCONT");

    const messages = await toTheEnd(answer, client);
    const told = messages.flatMap(
      ({ params }) => (params as { progress?: number })?.progress ?? [],
    );
    expect(told).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
    expect(messages.filter((message) => "result" in message)).toMatchObject([
      { id: 7, result: { content: [{ text: "counted to 40 in run 2" }] } },
    ]);
    expect(stored("open_requests")).toBe(0);
    expect((await client.call("count", { steps: 1, step_ms: 1 })).says).toContain(
      "counted to 1 in run 3",
    );
    expect([await sleeper.stop(), await other.stop()]).toEqual([0, 0]);
  });
});

/** All messages of a call's stream, coming back for the rest whenever it ends. */
async function toTheEnd(answer: Response, client: RawClient): Promise<Json[]> {
  const messages: Json[] = [];
  for (let response = answer; ;) {
    const text = await response.text();
    messages.push(...eventsOf(text));
    if (messages.some((message) => "result" in message)) return messages;
    const last = text
      .match(/^id: .*$/gm)!
      .at(-1)!
      .slice("id: ".length);
    const headers = { ...client.headers, accept: "text/event-stream", "last-event-id": last };
    response = await fetch(client.url, { headers });
  }
}

/** As another process does that has watched its heartbeat stand still. */
function forget(folder: string, pid: number): void {
  const database = openDatabase(folder, { readonly: false });
  expect(database.prepare("DELETE FROM instances WHERE pid = ?").run(pid).changes).toBe(1);
}

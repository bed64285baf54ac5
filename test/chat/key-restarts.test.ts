// `chat` with a request key across processes: what SIGKILL cut is asked again, stored once, in one session.
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { openingHome } from "../support/home.ts";
import { eras } from "../support/keyed.ts";
import { isSilent, says, startModel } from "../support/model-server.ts";
import { callModern } from "../support/modern.ts";
import { startServer } from "../support/process.ts";
import { rows, transcript } from "../support/rows.ts";

const asked = { prompt: "One", request_key: "k-1" };

for (const [era, join] of Object.entries(eras)) {
  it(`in the ${era} era a keyed chat that SIGKILL cut is asked again and stored once`, async () => {
    const model = await startModel();
    const options = { folder: temporaryFolder(), args: model.args };
    const first = await startServer(options);
    const { session, call } = await join(first.url);
    model.next(isSilent);
    const cut = call("chat", asked).catch(() => "cut");
    await model.called(1);
    await first.kill();
    expect(await cut).toBe("cut");
    const after = await join((await startServer(options)).url, session);
    for (const answer of [await after.call("chat", asked), await after.call("chat", asked)])
      expect(answer).toMatchObject({ isError: false, says: "Answer to: One" });
    expect(model.calls).toHaveLength(2);
    expect(transcript(options.folder)).toHaveLength(2);
  });
}

describe("a chat that names no session", () => {
  it("and is repeated after SIGKILL opens no second session, whenever that came", async () => {
    const model = await startModel();
    const options = { folder: temporaryFolder(), args: model.args };
    const first = await startServer(options);
    model.next(isSilent);
    const cut = callModern(first.url, "chat", asked).catch(() => "cut");
    await model.called(1);
    await first.kill();
    expect(await cut).toBe("cut");
    const second = await startServer(options);
    const answer = await callModern(second.url, "chat", asked);
    expect(answer).toMatchObject({ isError: false, says: "Answer to: One" });
    await second.kill();
    const third = await startServer(options);
    expect((await callModern(third.url, "chat", asked)).data).toEqual(answer.data);
    expect(model.calls).toHaveLength(2);
    expect(rows(options.folder, "SELECT id FROM sessions")).toEqual([
      { id: answer.data["session"] },
    ]);
    expect(transcript(options.folder)).toEqual([
      "1 user complete One",
      "2 assistant complete Answer to: One",
    ]);
  });

  it("and is repeated at another process gets the answer of the one that runs", async () => {
    const model = await startModel();
    const options = { folder: temporaryFolder(), args: model.args };
    const [one, two] = await Promise.all([startServer(options), startServer(options)]);
    const { promise, resolve } = Promise.withResolvers<void>();
    model.next(says("Only ", promise, "once."));
    const first = callModern(one.url, "chat", asked);
    await model.called(1);
    const second = callModern(two.url, "chat", asked);
    resolve();
    const answers = await Promise.all([first, second]);
    for (const answer of answers)
      expect(answer.says).toBe(openingHome("Only once.", answer.data["session"]));
    expect(answers[1].data).toEqual(answers[0].data);
    expect(model.calls).toHaveLength(1);
    expect(rows(options.folder, "SELECT id FROM sessions")).toHaveLength(1);
  });
});

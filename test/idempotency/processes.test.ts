// Calls with a request key whose process dies, closes, is wrongly taken for dead, or cannot store what became of them.
import { describe, expect, it } from "vitest";
import { MAY_BE_DONE } from "../support/interrupted.ts";
import { CALL, caller, gives, open, process, processes, work } from "../support/keyed-run.ts";

describe("a run of another process", () => {
  it("is waited for, and its outcome is everybody's; who stops waiting does not end it", async () => {
    const [here, there, third] = await processes(3);
    const [{ run, runs, begun, end }, { signal, leave }] = [work(), caller()];
    const first = here.once({ run });
    const running = (await begun).signal;
    const [second, impatient] = [there.once({}), third.once({ signal })];
    leave("No longer needed.");
    await expect(impatient).rejects.toBe("No longer needed.");
    end("done");
    expect(await Promise.all([first, second])).toEqual(["done", "done"]);
    expect(running.aborted).toBe(false);
    expect(runs).toHaveLength(1);
  });

  it("that was not kept is run anew by the one who waited", async () => {
    const [here, there] = await processes(2);
    const { run, begun, fail } = work();
    const first = here.once({ run });
    await begun;
    const second = there.once({ run: gives(2) });
    fail(new Error("No."));
    await expect(first).rejects.toThrow("No.");
    expect(await second).toBe(2);
  });

  it("that died is run again once, with the same id for a new session", async () => {
    const [dead, ...living] = await processes(3);
    const before = work();
    dead.once({ run: before.run }).catch(() => undefined);
    const { newSessionId } = await before.begun;
    await dead.die();
    const { run, runs, begun, end } = work();
    const outcomes = living.map(({ once }) => once({ run }));
    await begun;
    end("done");
    expect(await Promise.all(outcomes)).toEqual(["done", "done"]);
    expect(runs).toMatchObject([{ newSessionId }]);
  });

  it("that died and may not be run again is an error once; the next call runs anew", async () => {
    const [dead, { once }] = await processes(2);
    const before = work();
    dead.once({ run: before.run, repeatable: false }).catch(() => undefined);
    await before.begun;
    await dead.die();
    await expect(once({ repeatable: false })).rejects.toMatchObject({
      code: "interrupted",
      advice: expect.stringMatching(MAY_BE_DONE),
    });
    expect(await once({ run: gives("anew"), repeatable: false })).toBe("anew");
  });

  it("that was wrongly taken for dead frees nothing: the one that adopted the call goes on", async () => {
    const [here, there, third] = await processes(3);
    for (const [key, end] of Object.entries({ fails: "fail", ends: "end" } as const)) {
      const [first, second] = [work(), work()];
      const wrongly = here.once({ run: first.run }, { key });
      await first.begun;
      await here.die();
      const adopted = there.once({ run: second.run }, { key });
      await second.begun;
      first[end](new Error("Late."));
      if (end === "fail") await expect(wrongly).rejects.toThrow("Late.");
      else await wrongly;
      const joined = third.once({}, { key });
      second.end("adopted");
      expect(await Promise.all([adopted, joined])).toEqual(["adopted", "adopted"]);
      expect(await here.once({}, { key })).toBe("adopted");
    }
  });
});

describe("a process that closes", () => {
  it("gives up what runs, frees what may be run again, and leaves the rest taken", async () => {
    const [{ once, calls, die }, after] = await processes(2);
    const [repeatable, other] = [work(), work()];
    const outcomes = [
      once({ run: repeatable.run }, { key: "again" }),
      once({ run: other.run, repeatable: false }, { key: "once" }),
    ];
    const signals = [(await repeatable.begun).signal, (await other.begun).signal];
    const settled = Promise.allSettled(outcomes);
    const closed = calls.close();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(await settled).toEqual(signals.map(({ reason }) => ({ status: "rejected", reason })));
    await closed;
    expect(await after.once({ run: gives("again") }, { key: "again" })).toBe("again");
    await die();
    await expect(after.once({ repeatable: false }, { key: "once" })).rejects.toMatchObject({
      code: "interrupted",
      advice: expect.stringMatching(MAY_BE_DONE),
    });
  });

  it("resolves when it is noted that the runs were given up", async () => {
    const storage = await open();
    const { once, calls } = await process(storage);
    const { run, begun } = work();
    const outcome = once({ run }).catch(() => "given up");
    await begun;
    await calls.close();
    expect(await outcome).toBe("given up");
    const { id: instanceId } = await process(storage);
    const mine = { instanceId, newSessionId: "s", max: 9 };
    const call = await storage.keyedCalls.begin(CALL, mine);
    expect(call.kind).toBe("started");
  });
});

/** A storage whose first call of `method` fails. */
async function failing(method: "drop" | "finish") {
  const storage = await open();
  let failures = 0;
  const once = (...args: unknown[]): Promise<void> =>
    failures++ === 0
      ? Promise.reject(new Error("The disk is full."))
      : (storage.keyedCalls[method] as (...args: unknown[]) => Promise<void>)(...args);
  return { ...storage, keyedCalls: { ...storage.keyedCalls, [method]: once } };
}

describe("a storage that fails once", () => {
  it.each([true, false])(
    "at the end of a run that failed lets no repeated call hang (repeatable: %j)",
    async (repeatable) => {
      const { once } = await process(await failing("drop"));
      const first = once({ repeatable, run: () => Promise.reject(new Error("No.")) });
      await expect(first).rejects.toThrow("The disk is full.");
      const again = once({ repeatable, run: gives("anew") });
      if (repeatable) expect(await again).toBe("anew");
      else await expect(again).rejects.toMatchObject({ code: "interrupted" });
      expect(await once({ repeatable, run: gives("anew") })).toBe("anew");
    },
  );

  it("at the end of a run lets it be run again, with the same id for a new session", async () => {
    const { once } = await process(await failing("finish"));
    const [first, second] = [work(), work()];
    const outcome = once({ run: first.run });
    const { newSessionId } = await first.begun;
    first.end("lost");
    await expect(outcome).rejects.toThrow("The disk is full.");
    const again = once({ run: second.run });
    second.end("kept");
    expect(await again).toBe("kept");
    expect(second.runs).toMatchObject([{ newSessionId }]);
    expect(await once({})).toBe("kept");
  });

  it("at the end of a run that may not be run again is an error once", async () => {
    const { once } = await process(await failing("finish"));
    const first = once({ run: gives("lost"), repeatable: false });
    await expect(first).rejects.toThrow("The disk is full.");
    await expect(once({ repeatable: false })).rejects.toMatchObject({
      code: "interrupted",
      advice: expect.stringMatching(MAY_BE_DONE),
    });
    expect(await once({ run: gives("anew"), repeatable: false })).toBe("anew");
  });
});

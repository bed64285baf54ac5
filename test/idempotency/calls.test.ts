// Calls with a request key in one process, below the tools, where a test holds the run in its hand and turns the clock.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { CALLER_GONE } from "../../src/idempotency/idempotent-calls.ts";
import { AppError } from "../../src/lib/errors.ts";
import { caller, gives, open, process, work } from "../support/keyed-run.ts";

/** How long a run goes on that nobody waits for, in milliseconds. */
const ABANDONED = 30_000;

/** `setTimeout` stands still; what the storage uses does not. */
function holdTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);

const ended = (outcome: Promise<unknown>, reason: string) => expect(outcome).rejects.toBe(reason);

describe("callers of one key", () => {
  it("at the same moment get the outcome of one run, and so do those who come later", async () => {
    const { once } = await process(await open());
    const { run, runs, begun, end } = work();
    const outcomes = [1, 2, 3].map(() => once({ run }));
    await begun;
    end({ said: "ü😀" });
    expect(await Promise.all(outcomes)).toEqual(Array(3).fill({ said: "ü😀" }));
    expect(await once({})).toEqual({ said: "ü😀" });
    expect(runs).toHaveLength(1);
  });

  it("that stands for another request are refused, while it runs and after", async () => {
    const { once } = await process(await open());
    const { run, begun, end } = work();
    const first = once({ run });
    await begun;
    const other = () => once({}, { request: "r-2" });
    await expect(other()).rejects.toMatchObject({ code: "conflict" });
    end("done");
    await first;
    await expect(other()).rejects.toMatchObject({ code: "conflict" });
    expect(await once({})).toBe("done");
  });

  it("all get the error of a run that fails; the next one tries again", async () => {
    const { once } = await process(await open());
    const { run, begun, fail } = work();
    const outcomes = [once({ run }), once({ run })];
    await begun;
    fail(new Error("No."));
    for (const outcome of await Promise.allSettled(outcomes))
      expect(outcome).toMatchObject({ status: "rejected", reason: { message: "No." } });
    expect(await once({ run: gives(2) })).toBe(2);
  });

  it("get its outcome also where the database is away for a moment when it ends", async () => {
    const { keyedCalls, ...storage } = await open();
    let tries = 0;
    const finish: typeof keyedCalls.finish = async (...outcome) => {
      if ((tries += 1) === 1) throw new AppError("busy", "The database does not answer.");
      return keyedCalls.finish(...outcome);
    };
    const { once } = await process({ ...storage, keyedCalls: { ...keyedCalls, finish } });
    expect(await once({ repeatable: false, run: gives("done") })).toBe("done");
    expect(await once({})).toBe("done");
    expect(tries).toBe(2);
  });

  it("all get an outcome that is not kept; the next one runs anew", async () => {
    const { once } = await process(await open());
    const { run, begun, end } = work();
    const outcomes = [once({ run }), once({ run })];
    await begun;
    end("ask me", false);
    expect(await Promise.all(outcomes)).toEqual(["ask me", "ask me"]);
    expect(await once({ run: gives(2) })).toBe(2);
  });
});

describe("a run", () => {
  it("whose caller has gone is given up after 30 seconds, and frees its key", async () => {
    holdTime();
    const { once } = await process(await open());
    const [{ run, begun }, { signal, leave }] = [work(), caller()];
    const outcome = once({ run, signal });
    const running = (await begun).signal;
    leave(CALLER_GONE);
    await ended(outcome, CALLER_GONE);
    await after(ABANDONED - 1);
    expect(running.aborted).toBe(false);
    await after(1);
    expect(running.aborted).toBe(true);
    vi.useRealTimers();
    const again = () => once({ run: gives("anew") });
    await expect.poll(again).toBe("anew");
  });

  it("goes on for a caller who comes back, for as long as that one waits", async () => {
    holdTime();
    const { once } = await process(await open());
    const [{ run, runs, begun, end }, first, second] = [work(), caller(), caller()];
    const broken = once({ run, signal: first.signal });
    const { signal } = await begun;
    first.leave(CALLER_GONE);
    await ended(broken, CALLER_GONE);
    await after(ABANDONED - 1);
    const joined = once({ signal: second.signal });
    await after(10 * ABANDONED);
    expect(signal.aborted).toBe(false);
    second.leave(CALLER_GONE); // and is given the whole time again
    await ended(joined, CALLER_GONE);
    await after(ABANDONED - 1);
    expect(signal.aborted).toBe(false);
    const last = once({});
    end("done");
    expect(await last).toBe("done");
    expect(runs).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("that ends while nobody waits keeps its outcome", async () => {
    holdTime();
    const { once } = await process(await open());
    const [{ run, begun, end }, { signal, leave }] = [work(), caller()];
    const outcome = once({ run, signal });
    await begun;
    leave(CALLER_GONE);
    await ended(outcome, CALLER_GONE);
    end("done");
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(0), 60_000);
    expect(await once({})).toBe("done");
  });

  it("is given up at once when its only caller cancels", async () => {
    holdTime();
    const { once } = await process(await open());
    const [{ run, begun }, { signal, leave }] = [work(), caller()];
    const outcome = once({ run, signal });
    const running = (await begun).signal;
    leave("No longer needed.");
    await ended(outcome, "No longer needed.");
    await after(0);
    expect(running.aborted).toBe(true);
  });

  it("goes on when one of two callers cancels", async () => {
    holdTime();
    const { once } = await process(await open());
    const [{ run, begun, end }, { signal, leave }] = [work(), caller()];
    const [cancelled, other] = [once({ run, signal }), once({})];
    const running = (await begun).signal;
    leave("No longer needed.");
    await ended(cancelled, "No longer needed.");
    await after(10 * ABANDONED);
    expect(running.aborted).toBe(false);
    end("done");
    expect(await other).toBe("done");
  });

  it("that its only caller cancelled is not joined: who repeats the call at once begins anew", async () => {
    const { once } = await process(await open());
    const [{ run, begun }, { signal, leave }] = [work(), caller()];
    const outcome = once({ run, signal });
    await begun;
    leave("No longer needed.");
    await ended(outcome, "No longer needed.");
    const again = [once({ run: gives("anew") }), once({ run: gives("anew") })];
    expect(await Promise.all(again)).toEqual(["anew", "anew"]);
  });
});

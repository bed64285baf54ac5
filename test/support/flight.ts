// A call of the fixture server's slow tools, which the test interrupts in its middle.
import type { TestClient, ToolAnswer } from "./clients.ts";

export interface Flight {
  progress: number[];
  /** Resolves when the call has told its second step. */
  begun: Promise<void>;
  outcome: Promise<ToolAnswer>;
}

/** A call of five slow steps. */
export function fly(client: TestClient, tool: string, step_ms = 100): Flight {
  const progress: number[] = [];
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const onprogress = (told: { progress: number }): void => {
    progress.push(told.progress);
    if (told.progress === 2) resolve();
  };
  const outcome = client.call(tool, { steps: 5, step_ms }, { timeout: 180_000, onprogress });
  outcome.catch(() => undefined); // the test awaits it later
  return { progress, begun, outcome };
}

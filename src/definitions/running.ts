// Tells to which tool the running code belongs, including leftover timers and promises.
import { AsyncLocalStorage } from "node:async_hooks";

const running = new AsyncLocalStorage<string>();

/** Run `act` as code of this tool, or of this file of tools. */
export const asTool = <T>(name: string, act: () => T): T => running.run(name, act);

/** The tool, or the file of tools, that the running code belongs to; undefined for the program's own code. */
export const runningTool = (): string | undefined => running.getStore();

// Which tool code belongs to: also what it left behind, such as a timer or a promise that nobody waits for.
import { AsyncLocalStorage } from "node:async_hooks";

const running = new AsyncLocalStorage<string>();

/** Runs `act` as code of this tool, or of this file of tools. */
export const asTool = <T>(name: string, act: () => T): T => running.run(name, act);

/** The tool, or the file of tools, that the running code belongs to; undefined for the program's own. */
export const runningTool = (): string | undefined => running.getStore();

// `holdfast stdio`: serves one MCP client over standard input and output. Only MCP is written to standard output.
import type { Settings } from "../../config/config.ts";
import { createHoldfast, type StdioTarget } from "../../holdfast.ts";
import { onToolFault, type Terminal } from "../terminal/terminal.ts";

export interface StdioFlags {
  name?: string;
  session?: string;
  resume?: boolean;
}

export async function stdio(
  settings: Settings,
  flags: StdioFlags,
  terminal: Terminal,
): Promise<void> {
  const running = await createHoldfast(onToolFault(terminal)).run("stdio", {
    ...settings,
    target: target(flags),
  });
  terminal.onStop(() => running.stop());
  await running.done;
}

function target({ name, session, resume }: StdioFlags): StdioTarget | undefined {
  if (name !== undefined) return { name };
  if (session !== undefined) return { id: session };
  return resume ? "latest" : undefined;
}

// Folders with tools as a user writes them: no package.json and no node_modules beside them.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryFolder } from "./folder.ts";

/** A new folder with these files, by name; a name may have folders in it. */
export function toolFolder(files: Record<string, string>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeTool(folder, name, text);
  return folder;
}

export function writeTool(folder: string, name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

/** The source of a tool that answers with a text. */
export const saying = (name: string, words: string): string => `
import { defineTool } from "holdfast";
export default defineTool({ name: "${name}", description: "For a test.", session: "optional", handler: () => "${words}" });
`;

/** The source, in TypeScript, of a tool that keeps what it is given in its session. */
export const REMEMBER = `
import { defineTool } from "holdfast";
import { z } from "zod";

interface Order { item: string }

export default defineTool({
  name: "remember_order",
  description: "Remembers what the customer orders.",
  input: z.object({ item: z.string().min(2) }),
  async handler({ input, session }) {
    const orders = (await session.state.get<Order[]>("orders")) ?? [];
    await session.state.set("orders", [...orders, { item: input.item }]);
    return \`Noted: \${input.item}\`;
  },
});
`;

// Files with tools as a user writes them.

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

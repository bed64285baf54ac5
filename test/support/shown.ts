// Sessions as lines for people, after an import.
import type { App } from "../../src/app/app.ts";
import { appOn, exported, imported } from "./transfer.ts";

interface Line {
  type: string;
  title: string;
  system: string | null;
  role: string;
  content: string;
  model: string | null;
  created_at: string;
}

export const linesIn = async (app: App): Promise<Line[]> =>
  (await exported(app))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);

/** Titles, system prompts and messages: `# Reef`, `> Be brief.`, `user: Hello`, `assistant (gpt-4o): Hi`. */
export async function shown(app: App): Promise<string[]> {
  return (await linesIn(app)).flatMap(({ type, title, system, role, content, model }) =>
    type === "session"
      ? [`# ${title}`, ...(system === null ? [] : [`> ${system}`])]
      : type === "message"
        ? [`${role}${model === null ? "" : ` (${model})`}: ${content}`]
        : [],
  );
}

/** The lines of a file's sessions, from an app of their own. */
export async function read(content: string | Buffer): Promise<string[]> {
  const app = await appOn();
  await imported(app, content);
  return shown(app);
}

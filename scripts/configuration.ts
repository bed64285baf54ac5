// Writes docs/configuration.md from src/config/config.ts. `npm run docs` runs it; a test compares.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { markdownTable } from "markdown-table";
import { format } from "oxfmt";
import { envName, type Setting, settingGroups } from "../src/config/config.ts";

export const FILE = fileURLToPath(new URL("../docs/configuration.md", import.meta.url));

const HEAD = `# Configuration

<!-- Generated from src/config/config.ts by "npm run docs". -->

Every setting is a flag and an environment variable: \`--max-age 90d\` is \`HOLDFAST_MAX_AGE=90d\`. A flag overrides a variable,
and a variable overrides the default. An empty variable counts as not set. A wrong value stops the start: one line a fault
names the setting, the value and the accepted values. \`holdfast doctor\` shows the source of each value.

In your own program, pass the same names to \`createHoldfast({ config: { "max-age": "90d" } })\`.
`;

/** Text of the whole file. */
export async function configuration(): Promise<string> {
  const text = [HEAD, ...Object.entries(settingGroups).map(section)].join("\n");
  const { code, errors } = await format(FILE, text, { printWidth: 100 });
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
  return code;
}

function section([title, group]: [string, Readonly<Record<string, Setting<unknown>>>]): string {
  const rows = Object.entries(group).map(([name, setting]) => {
    const also = Object.values(setting.alsoEnv ?? {}).map((variable) => `\`${variable}\``);
    return [
      `\`${name}\``,
      [`\`${envName(name)}\``, ...also].join(", "),
      setting.kind.accepts,
      setting.default === undefined ? (setting.without ?? "") : `\`${setting.default}\``,
      [setting.help, setting.details].filter((part) => part !== undefined).join("; "),
    ].map((cell) => cell.replaceAll("|", "\\|"));
  });
  const head = ["setting", "variable", "accepted", "default", "meaning"];
  return `## ${title}\n\n${markdownTable([head, ...rows])}\n`;
}

if (import.meta.main) {
  writeFileSync(FILE, await configuration());
  console.log(`Wrote ${FILE}.`);
}

// Writes docs/configuration.md: every setting as src/config.ts has it. `npm run docs` runs it; a test compares.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { markdownTable } from "markdown-table";
import { format, resolveConfig } from "prettier";
import { envName, settings, type SettingName } from "../src/config.ts";

export const FILE = fileURLToPath(new URL("../docs/configuration.md", import.meta.url));

/** Every setting once, in the order in which a reader may want them. */
const GROUPS: Readonly<Record<string, readonly SettingName[]>> = {
  "Where it listens, and to whom": [
    ...(["host", "port", "public-url", "allowed-hosts", "cors-origins"] as const),
    ...(["insecure-no-auth", "auth-issuer", "auth-audience"] as const),
  ],
  "What it keeps, and for how long": [
    ...(["data-dir", "ephemeral", "durability", "max-age", "temporary-age", "client-age"] as const),
    ...(["cleanup-interval", "stream-grace"] as const),
  ],
  "The model behind chat": [
    ...(["model-provider", "model-url", "model", "models", "model-key"] as const),
    ...(["context-tokens", "model-timeout"] as const),
  ],
  "Your own tools": ["tools"],
  "Limits of one request": ["max-body", "max-headers", "max-depth"],
  "Limits of one session": ["max-messages", "max-message", "max-keys", "max-value"],
  "Limits of one principal": [
    ...(["max-sessions", "max-clients", "max-streams", "max-history", "max-state"] as const),
    ...(["max-calls-per-minute", "max-concurrent-calls"] as const),
  ],
  "The program as a whole": [
    ...(["max-database", "max-connections", "stream-events", "live-clients"] as const),
    ...(["shutdown-grace", "log-level", "metrics"] as const),
  ],
};

const HEAD = `# Configuration

_Made from \`src/config.ts\` by \`npm run docs\`; do not edit._

Every setting is a flag and an environment variable: \`--max-age 90d\` is \`HOLDFAST_MAX_AGE=90d\`. A flag beats a
variable, and a variable beats the default; an empty variable counts as not set. A wrong value stops the start, with one
line a fault that names the setting, the value and what is accepted. \`holdfast doctor\` shows where each value comes from.

In a program of your own the same names go into \`createHoldfast({ config: { "max-age": "90d" } })\`.
`;

/** The whole file. */
export async function configuration(): Promise<string> {
  const text = [HEAD, ...Object.entries(GROUPS).map(section)].join("\n");
  return format(text, { ...(await resolveConfig(FILE)), parser: "markdown" });
}

/** The settings that have been forgotten, or named twice. */
export function misplaced(): string[] {
  const named = Object.values(GROUPS).flat();
  return Object.keys(settings).filter(
    (name) => named.filter((other) => other === name).length !== 1,
  );
}

function section([title, names]: [string, readonly SettingName[]]): string {
  const rows = names.map((name) => {
    const setting: Shown = settings[name];
    const also = Object.values(setting.alsoEnv ?? {}).map((variable) => `\`${variable}\``);
    return [
      `\`${name}\``,
      [`\`${envName(name)}\``, ...also].join(", "),
      setting.kind.accepts,
      setting.default === undefined ? "" : `\`${setting.default}\``,
      setting.help,
    ].map((cell) => cell.replaceAll("|", "\\|"));
  });
  const head = ["setting", "variable", "accepted", "default", "what it does"];
  return `## ${title}\n\n${markdownTable([head, ...rows])}\n`;
}

interface Shown {
  kind: { accepts: string };
  default?: string;
  help: string;
  alsoEnv?: Readonly<Record<string, string>>;
}

if (import.meta.main) {
  writeFileSync(FILE, await configuration());
  console.log(`Wrote ${FILE}.`);
}

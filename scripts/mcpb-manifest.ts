// The manifest of the bundle for Claude Desktop: the binary's command line, and the user's choices.
import { readFileSync } from "node:fs";

const { version, description, license } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as Record<"version" | "description" | "license", string>;

/** `platform`: Node's name for the platform of the binary. */
export function manifest(platform: string) {
  const file = `server/holdfast${platform === "win32" ? ".exe" : ""}`;
  return {
    manifest_version: "0.3",
    name: "holdfast",
    display_name: "Holdfast",
    ...{ version, description, license },
    author: { name: "The Holdfast authors" },
    server: {
      type: "binary",
      entry_point: file,
      mcp_config: {
        command: `\${__dirname}/${file}`,
        args: [
          ...["stdio", "--data-dir", "${user_config.data_folder}"],
          ...["--name", "${user_config.session}"],
        ],
      },
    },
    user_config: {
      data_folder: {
        type: "directory",
        title: "Data folder",
        description:
          "Where conversations are kept. Other programs that use this folder share them.",
        default: "${HOME}/.holdfast",
        required: true,
      },
      session: {
        type: "string",
        title: "Session",
        description: "The name of the conversation to work in.",
        default: "home",
        required: true,
      },
    },
    compatibility: { platforms: [platform] },
    tools_generated: true,
    prompts_generated: true,
  };
}

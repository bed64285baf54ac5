import { defineConfig } from "oxfmt";

export default defineConfig({
  printWidth: 100,
  // Node's modules, packages, then files from the outermost folder inwards.
  sortImports: {
    groups: ["side_effect", "builtin", "external", ["parent", "sibling", "index"], "unknown"],
    newlinesBetween: false,
  },
  sortPackageJson: false,
  ignorePatterns: [
    // Only the project's own files: a user of the clone may keep notes and tools in it.
    "/?*", // "/*" is the root, too, and none of its files could be named below
    "!/bench/",
    "!/bin/",
    "!/deploy/",
    "!/docs/",
    "!/migrations/",
    "!/scripts/",
    "!/src/",
    "!/test/",
    "!/CHANGELOG.md",
    "!/CONTRIBUTING.md",
    "!/README.md",
    "!/*.config.ts",
    "!/package.json",
    "!/server.json",
    "!/tsconfig.json",
    "!/tsconfig.package.json",
    // Generated:
    "migrations/meta",
    "src/storage/{sqlite,postgres}/schema/{migrations,new-database}.ts",
    "src/console/embedded.ts",
  ],
});

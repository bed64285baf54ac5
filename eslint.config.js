import sort from "eslint-plugin-simple-import-sort";
import tseslint from "typescript-eslint";

/** Parts of the SDK that serve the 2025 revisions; it calls them deprecated since 2026-07-28. */
const EARLIER = [
  ...["Server", "getNegotiatedProtocolVersion", "log", "LoggingLevel"],
  ...["CreateMessageRequestParams", "SamplingMessage"],
];

export default tseslint.config(
  {
    // Only the project's own files: a user of the clone may keep tools in it.
    ignores: [
      "*",
      "!bench/",
      "!bin/",
      "!scripts/",
      "!src/",
      "!test/",
      "!*.config.{js,ts}",
      "src/storage/{sqlite,postgres}/schema/{migrations,new-database}.ts", // generated
      "src/console/embedded.ts", // generated
      "src/console/assets",
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { sort },
    rules: {
      // Node's modules, packages, then files from the outermost folder inwards.
      "sort/imports": ["error", { groups: [["^\\u0000", "^node:", "^@?\\w", "^", "^\\."]] }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { varsIgnorePattern: "^_", argsIgnorePattern: "^_", ignoreRestSiblings: true },
      ],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
      "@typescript-eslint/no-deprecated": [
        "error",
        { allow: [{ from: "package", package: "@modelcontextprotocol/server", name: EARLIER }] },
      ],
      "max-lines-per-function": ["error", { max: 80, skipBlankLines: true, skipComments: true }],
      "no-console": "error",

      // Indexes and map entries whose presence the lines before have established.
      "@typescript-eslint/no-non-null-assertion": "off",
      // Messages of clients are changed in place, before anything else sees them.
      "@typescript-eslint/no-dynamic-delete": "off",
      // `void` in a union: a guard that waits for nothing returns no promise.
      "@typescript-eslint/no-invalid-void-type": "off",
      // `return report(…)` ends a command in one statement.
      "@typescript-eslint/no-confusing-void-expression": "off",
      // `void (await …)` drops a value within an expression.
      "@typescript-eslint/no-meaningless-void-operator": "off",
      // Ports are interfaces with methods; closures implement them, which have no `this` to lose.
      "@typescript-eslint/unbound-method": "off",
      // Ports are asynchronous: their functions reject and never throw, also where nothing is awaited.
      "@typescript-eslint/require-await": "off",
      // Values of tools, programs and libraries are less sure than their types; closures change variables meanwhile.
      "@typescript-eslint/no-unnecessary-condition": "off",
      // Interfaces of ours stand for classes of Node, and for those of another copy of this package.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      // A tool or a prompt without arguments has a schema without fields.
      "@typescript-eslint/no-generated-empty-object-type": "off",
      // The caller names the type of a stored or parsed value.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
    },
  },
  {
    files: ["**/*.js"],
    ...tseslint.configs.disableTypeChecked,
  },
  {
    // The composition, tables of commands, tools and resources, and some stores: closures over prepared statements.
    files: [
      "src/app/{app,data}.ts",
      "src/cli/{program,sessions/commands}.ts",
      "src/tools/builtin/*.ts",
      "src/console/parts/session-actions.ts",
      "src/resources/session-resources.ts",
      "src/storage/sqlite/open.ts",
      "src/storage/sqlite/history/{message-rows,turn-store}.ts",
      "src/storage/sqlite/search/search-{rows,store}.ts",
      "src/storage/sqlite/sessions/{session-store,share-rows,transfer-store}.ts",
      "src/storage/sqlite/stores/{client-store,keyed-call-store}.ts",
    ],
    rules: { "max-lines-per-function": "off" },
  },
  {
    // Answers in tests and measurements are JSON of any shape, which assertions check; a `describe` holds its tests.
    files: ["test/**", "bench/**", "scripts/**"],
    rules: {
      "max-lines-per-function": "off",
      "@typescript-eslint/no-base-to-string": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-misused-spread": "off",
      "@typescript-eslint/prefer-promise-reject-errors": "off", // tools reject with anything
      "@typescript-eslint/restrict-plus-operands": "off",
      "@typescript-eslint/restrict-template-expressions": "off",
      "@typescript-eslint/use-unknown-in-catch-callback-variable": "off",
      "@typescript-eslint/no-deprecated": "off", // clients of the 2025 revisions, and names of ours that go on
    },
  },
  {
    files: ["scripts/**", "bench/**", "src/cli/**", "src/main.ts"],
    rules: { "no-console": "off" },
  },
);

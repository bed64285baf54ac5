// Rules of the code: oxlint's set of what is wrong, and all of typescript-eslint's set for strict, type-checked code.
import { defineConfig } from "oxlint";

/** Parts of the SDK that serve the 2025 revisions; it calls them deprecated since 2026-07-28. */
const EARLIER = [
  ...["Server", "getNegotiatedProtocolVersion", "log", "LoggingLevel"],
  ...["CreateMessageRequestParams", "SamplingMessage"],
];

/** Rules of typescript-eslint's set `strictTypeChecked` that oxlint's category `correctness` lacks. */
const STRICT = [
  ...["ban-ts-comment", "no-empty-object-type", "no-explicit-any"],
  ...["no-extraneous-class", "no-misused-promises", "no-mixed-enums", "no-namespace"],
  ...["no-non-null-asserted-nullish-coalescing", "no-require-imports"],
  ...["no-unnecessary-boolean-literal-compare", "no-unnecessary-template-expression"],
  ...["no-unnecessary-type-arguments", "no-unnecessary-type-assertion"],
  ...["no-unnecessary-type-constraint", "no-unnecessary-type-conversion"],
  ...["no-unsafe-argument", "no-unsafe-assignment", "no-unsafe-call", "no-unsafe-enum-assignment"],
  ...["no-unsafe-enum-comparison", "no-unsafe-function-type", "no-unsafe-member-access"],
  ...["no-unsafe-return", "only-throw-error"],
  ...["prefer-literal-enum-member", "prefer-promise-reject-errors", "prefer-reduce-type-parameter"],
  ...["prefer-return-this-type", "related-getter-setter-pairs", "restrict-plus-operands"],
  ...["return-await", "unified-signatures", "use-unknown-in-catch-callback-variable"],
];

export default defineConfig({
  options: { typeAware: true, typeCheck: true, reportUnusedDisableDirectives: "error" },
  ignorePatterns: [
    // Only the project's own files: a user of the clone may keep tools in it.
    "/?*",
    "!/bench/",
    "!/bin/",
    "!/scripts/",
    "!/src/",
    "!/test/",
    "!/*.config.ts",
    // Generated:
    "src/storage/{sqlite,postgres}/schema/{migrations,new-database}.ts",
    "src/console/embedded.ts",
    // Of other projects:
    "src/console/assets",
  ],
  plugins: ["typescript", "oxc"],
  categories: { correctness: "error" },
  rules: {
    ...Object.fromEntries(STRICT.map((rule) => [`typescript/${rule}`, "error" as const])),
    "no-array-constructor": "error",
    "no-useless-constructor": "error",
    "no-var": "error",
    "prefer-const": "error",
    "prefer-rest-params": "error",
    "prefer-spread": "error",
    "typescript/consistent-type-imports": "error",
    "no-unused-vars": [
      "error",
      { varsIgnorePattern: "^_", argsIgnorePattern: "^_", ignoreRestSiblings: true },
    ],
    "typescript/restrict-template-expressions": [
      "error",
      { allowNumber: true, allowBoolean: true, allowNullish: true },
    ],
    "typescript/no-deprecated": [
      "error",
      { allow: [{ from: "package", package: "@modelcontextprotocol/server", name: EARLIER }] },
    ],
    "max-lines-per-function": ["error", { max: 80, skipBlankLines: true, skipComments: true }],
    "no-console": "error",

    // `void (await …)` drops a value within an expression.
    "typescript/no-meaningless-void-operator": "off",
    // Names, searches and texts for a terminal are tested for control characters on purpose.
    "no-control-regex": "off",
    // Ports are interfaces with methods; closures implement them, which have no `this` to lose.
    "typescript/unbound-method": "off",
  },
  overrides: [
    {
      // Tables of commands, tools and resources.
      files: [
        "src/cli/{program,sessions/commands}.ts",
        "src/tools/builtin/*.ts",
        "src/console/parts/session-actions.ts",
        "src/resources/session-resources.ts",
      ],
      rules: { "max-lines-per-function": "off" },
    },
    {
      // Answers in tests and measurements are JSON of any shape, which assertions check; a `describe` holds its tests.
      files: ["test/**", "bench/**", "scripts/**"],
      rules: {
        "max-lines-per-function": "off",
        "typescript/no-base-to-string": "off",
        "typescript/no-unsafe-argument": "off",
        "typescript/no-unsafe-assignment": "off",
        "typescript/no-unsafe-call": "off",
        "typescript/no-unsafe-member-access": "off",
        "typescript/no-unsafe-return": "off",
        "typescript/no-misused-spread": "off",
        "typescript/require-array-sort-compare": "off", // the order of JSON's texts
        "typescript/prefer-promise-reject-errors": "off", // tools reject with anything
        "typescript/restrict-plus-operands": "off",
        "typescript/restrict-template-expressions": "off",
        "typescript/use-unknown-in-catch-callback-variable": "off",
        "typescript/no-deprecated": "off", // clients of the 2025 revisions, and names of ours that go on
      },
    },
    {
      files: ["bin/**", "scripts/**", "bench/**", "src/cli/**", "src/main.ts"],
      rules: { "no-console": "off" },
    },
    {
      // No project of the compiler's has them.
      files: ["**/*.js"],
      rules: {
        "typescript/no-unsafe-argument": "off",
        "typescript/no-unsafe-assignment": "off",
        "typescript/no-unsafe-call": "off",
        "typescript/no-unsafe-member-access": "off",
        "typescript/no-unsafe-return": "off",
      },
    },
  ],
});

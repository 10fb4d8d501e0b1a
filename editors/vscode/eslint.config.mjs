import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["out/", "dist/", "server/", "schemas/"] },
  js.configs.recommended,
  {
    files: ["src/**/*.ts", "test/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // A promise that nobody waits for is an error that nobody sees.
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // node's `test` returns a promise that the runner itself waits for.
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { arguments: false } }],
    },
  },
  {
    files: ["src/**/*.ts"],
    ignores: ["src/tell.ts", "src/questions.ts"],
    rules: {
      // Foreign text in them may be a link that runs a command: only these two files know the door.
      "no-restricted-properties": [
        "error",
        ...[
          "showErrorMessage",
          "showWarningMessage",
          "showInformationMessage",
          "setStatusBarMessage",
          "withProgress",
        ].map((property) => ({ property, message: "Use tell.ts: foreign text is no markup there." })),
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: { "@typescript-eslint/no-floating-promises": "off" },
  },
  {
    files: ["scripts/**/*.mjs"],
    languageOptions: { globals: { console: "readonly", process: "readonly", URL: "readonly" } },
  },
);

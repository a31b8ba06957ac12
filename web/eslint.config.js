import tseslint from "typescript-eslint";

/** Innermost rule of this code: text from the network never becomes markup. */
const NO_MARKUP_FROM_TEXT = [
  { selector: "AssignmentExpression[left.property.name=/^(inner|outer)HTML$/]", message: "Build nodes; never parse text as HTML." },
  { selector: "CallExpression[callee.property.name=/^(insertAdjacentHTML|write|setHTMLUnsafe)$/]", message: "Build nodes; never parse text as HTML." },
  { selector: "CallExpression[callee.property.name='postMessage'] > Literal[value='*']", message: "Name the target origin." },
];

export default tseslint.config(
  { ignores: ["node_modules", "eslint.config.js", "vitest.config.ts", "scripts"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", 50],
      complexity: ["error", 12],
      eqeqeq: "error",
      "no-console": ["error", { allow: ["error"] }],
      "no-restricted-syntax": ["error", ...NO_MARKUP_FROM_TEXT],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  {
    // the shape of Words is inferred from the English text: a dictionary is not a place for annotations
    files: ["widget/chat/locales/en.ts"],
    rules: { "@typescript-eslint/explicit-module-boundary-types": "off" },
  },
  {
    // a describe() block is a list of cases, not a function to read in one piece
    files: ["widget/tests/**"],
    rules: { "max-lines-per-function": "off" },
  },
);

import * as effect from "@effect/eslint-plugin"
import { globalIgnores } from "eslint/config"
import tseslint from "typescript-eslint"
import { noShellInterpolation } from "./scripts/eslint/noShellInterpolation.js"

const noNode = {
  regex: "^(node:|undici$|@effect/platform-node)",
  message: "The SDK runs wherever fetch does: only src/node may know Node and undici."
}

const noBarrel = {
  // `effect/X` and `@effect/platform/X` are fine; the package names alone are not.
  regex: "^(effect|@effect/platform|@effect/platform-node)$",
  message: "Import the module itself (`import * as Effect from \"effect/Effect\"`): the barrel costs 250 ms at start."
}

export default tseslint.config(
  globalIgnores([
    "**/node_modules/",
    "**/dist/",
    "docs/modules/",
    ".check/",
    ".bench/",
    "coverage/",
    "test/house/fixtures/",
    "test/types/programs/",
    "examples/thirty-lines.ts"
  ]),
  {
    files: ["**/*.ts", "**/*.js", "**/*.cjs"],
    plugins: {
      "@typescript-eslint": tseslint.plugin,
      "@effect": effect,
      house: { rules: { "no-shell-interpolation": noShellInterpolation } }
    },
    languageOptions: { parser: tseslint.parser, ecmaVersion: 2022, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "house/no-shell-interpolation": "error",
      "@effect/dprint": ["error", {
        config: {
          indentWidth: 2,
          lineWidth: 120,
          operatorPosition: "maintain",
          semiColons: "asi",
          quoteStyle: "alwaysDouble",
          trailingCommas: "never",
          "arrowFunction.useParentheses": "maintain",
          "module.sortImportDeclarations": "maintain"
        }
      }],
      "no-restricted-syntax": [
        "error",
        {
          selector: "ExportDefaultDeclaration",
          message: "A default export has no name of its own: export by name."
        },
        {
          selector: "TSAsExpression > TSAsExpression > TSUnknownKeyword",
          message: "`as unknown as` switches the type checker off: narrow, decode or change the type."
        }
      ],
      "no-constant-condition": ["error", { checkLoops: false }],
      "no-control-regex": "off",
      "no-debugger": "error",
      "no-fallthrough": "error",
      "no-irregular-whitespace": "error",
      "no-self-compare": "error",
      "no-unsafe-finally": "error",
      "no-useless-escape": "error",
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: ["error", "always"],
      "max-lines": ["warn", { max: 350, skipBlankLines: false, skipComments: false }]
    }
  },
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/ban-ts-comment": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
      "@typescript-eslint/consistent-type-exports": "error",
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }]
    }
  },
  {
    files: ["src/**/*.ts", "engine/src/**/*.ts"],
    rules: { "@typescript-eslint/explicit-module-boundary-types": "error" }
  },
  { files: ["src/**/*.ts"], rules: { "no-restricted-imports": ["error", { patterns: [noBarrel, noNode] }] } },
  {
    files: ["src/node/**/*.ts", "engine/src/**/*.ts"],
    rules: { "no-restricted-imports": ["error", { patterns: [noBarrel] }] }
  },
  {
    // A module of types alone today may get a value tomorrow: its namespace is exported as one from the start.
    files: ["src/index.ts", "src/testing.ts", "engine/src/index.ts"],
    rules: { "@typescript-eslint/consistent-type-exports": "off" }
  },
  {
    // The tools that read these files ask for a default export.
    files: ["*.config.ts", "eslint.config.js"],
    rules: { "no-restricted-syntax": "off" }
  },
  {
    files: ["test/**/*.ts", "engine/test/**/*.ts"],
    rules: { "max-lines": "off" }
  },
  {
    // Programs as a user may write them, kept dense: what counts is which of them compile.
    files: ["test/types/**/*.ts"],
    rules: {
      "@effect/dprint": "off",
      "@typescript-eslint/ban-ts-comment": "off",
      "@typescript-eslint/consistent-type-imports": "off",
      "@typescript-eslint/no-floating-promises": "off",
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-unused-vars": "off"
    }
  }
)

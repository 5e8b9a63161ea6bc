import type { Rule } from "eslint"

/** ESLint reads its configuration without a compiler, so the rule itself is JavaScript. */
export declare const noShellInterpolation: Rule.RuleModule

/**
 * `Command.shell(`echo ${x}`)` pastes x into a script as it is: one pair of brackets away from the tagged template
 * that quotes it, and an injection. Type information is not needed: the name is what a reader sees too.
 *
 * @type {import("eslint").Rule.RuleModule}
 */
export const noShellInterpolation = {
  meta: {
    type: "problem",
    docs: { description: "forbid a template literal with substitutions as the argument of Command.shell" },
    messages: {
      injection:
        "This value goes into the script unquoted: an injection. Write Command.shell`...` without the brackets, "
        + "which quotes every ${value} (Command.unquoted opts out, where you mean it)."
    },
    schema: []
  },
  create(context) {
    /** A plain `shell(...)` counts only where it was imported as a name of the module. */
    const bare = new Set()
    const isShell = (callee) =>
      callee.type === "MemberExpression"
        ? !callee.computed && callee.property.name === "shell" && endsInCommand(callee.object)
        : callee.type === "Identifier" && bare.has(callee.name)
    return {
      ImportSpecifier(node) {
        const source = node.parent.source.value
        if (node.imported.name === "shell" && /(^|\/)Command(\.js)?$/.test(source)) bare.add(node.local.name)
      },
      CallExpression(node) {
        const script = node.arguments[0]
        if (script === undefined || !isShell(node.callee)) return
        if (pasted(script)) context.report({ node: script, messageId: "injection" })
      }
    }
  }
}

/** `Command`, `ContreeCommand`, `Contree.Command`: any name under which the module is usually imported. */
const endsInCommand = (node) =>
  node.type === "Identifier"
    ? /Command$/.test(node.name)
    : node.type === "MemberExpression" && !node.computed && /Command$/.test(node.property.name)

/** Also inside `"a" + `${b}``, in both arms of a condition and behind a cast: each of them ends in the script. */
const pasted = (node) => {
  switch (node.type) {
    case "TemplateLiteral":
      return node.expressions.length > 0
    case "BinaryExpression":
      return node.operator === "+" && (pasted(node.left) || pasted(node.right))
    case "ConditionalExpression":
      return pasted(node.consequent) || pasted(node.alternate)
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSNonNullExpression":
      return pasted(node.expression)
    default:
      return false
  }
}

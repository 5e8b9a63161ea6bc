/**
 * What to run: a program with its arguments (`exec`), or a script for `sh -c` (`shell`). A command is a value: it can be
 * kept, compared (`Equal.equals`) and run any number of times.
 *
 * @since 0.1.0
 */
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"
import * as Predicate from "effect/Predicate"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-contree/Command")
/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * What every command has.
 *
 * @since 0.1.0
 * @category models
 */
export interface Proto extends Pipeable.Pipeable, Inspectable.Inspectable, Equal.Equal {
  readonly [TypeId]: TypeId
}

/**
 * A program, found through `PATH` unless `path` has a slash, and its arguments as they are: no shell reads them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exec extends Proto {
  readonly _tag: "Exec"
  readonly path: string
  readonly args: ReadonlyArray<string>
}

/**
 * A script for `sh -c`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Shell extends Proto {
  readonly _tag: "Shell"
  readonly script: string
}

/**
 * A piece of script that a template takes as it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Unquoted {
  readonly _tag: "Unquoted"
  readonly script: string
}

/**
 * @since 0.1.0
 * @category models
 */
export type Command = Exec | Shell

/**
 * What a template can hold. An array becomes as many words as it has elements; an empty one, none.
 *
 * @since 0.1.0
 * @category models
 */
export type Quotable = string | number | bigint | ReadonlyArray<string | number | bigint> | Unquoted

const sameWords = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((word, i) => word === b[i])

const proto = {
  ...Inspectable.BaseProto,
  [TypeId]: TypeId,
  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }
}

const execProto = {
  ...proto,
  [Equal.symbol](this: Exec, that: unknown): boolean {
    return isCommand(that) && that._tag === "Exec" && this.path === that.path && sameWords(this.args, that.args)
  },
  [Hash.symbol](this: Exec): number {
    return Hash.cached(this, Hash.combine(Hash.string(this.path))(Hash.array(this.args)))
  },
  toJSON(this: Exec): unknown {
    return { _id: "Command", _tag: this._tag, path: this.path, args: this.args }
  }
}

const shellProto = {
  ...proto,
  [Equal.symbol](this: Shell, that: unknown): boolean {
    return isCommand(that) && that._tag === "Shell" && this.script === that.script
  },
  [Hash.symbol](this: Shell): number {
    return Hash.cached(this, Hash.string(this.script))
  },
  toJSON(this: Shell): unknown {
    return { _id: "Command", _tag: this._tag, script: this.script }
  }
}

/**
 * A program and its arguments. Nothing is interpreted: `*`, `$HOME` and `;` in an argument are just text.
 *
 * @example
 * ```ts
 * import * as Command from "effect-contree/Command"
 *
 * const list = Command.exec("ls", ["-l", "/a folder"])
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const exec = (path: string, args: ReadonlyArray<string> = []): Exec =>
  Object.assign(Object.create(execProto), { _tag: "Exec" as const, path, args: [...args] })

const makeShell = (script: string): Shell =>
  Object.assign(Object.create(shellProto), { _tag: "Shell" as const, script })

/**
 * The word as the shell reads it back, byte for byte: in single quotes, a single quote inside as `'\''`.
 *
 * A NUL stays in it, since no quoting can carry one: running such a command fails with `InvalidArgumentError`.
 *
 * @example
 * ```ts
 * import * as Command from "effect-contree/Command"
 *
 * Command.quote("it's") // 'it'\''s'
 * ```
 *
 * @since 0.1.0
 * @category quoting
 */
export const quote = (value: string): string => `'${value.replaceAll("'", "'\\''")}'`

// A number stays bare, so that $((n + 1)) works with it, but not before < or >: `2>` would redirect.
const quoteOne = (value: string | number | bigint, after: string): string =>
  typeof value === "string" || /^[<>]/.test(after) ? quote(String(value)) : String(value)

const isUnquoted = (value: Quotable): value is Unquoted => Predicate.isTagged(value, "Unquoted")

const quoteValue = (value: Quotable, after: string): string => {
  if (typeof value !== "object") return quoteOne(value, after)
  if (isUnquoted(value)) return value.script
  return value.reduceRight<string>((rest, word) => {
    const text = quoteOne(word, rest === "" ? after : "")
    return rest === "" ? text : `${text} ${rest}`
  }, "")
}

// From the right: how a value is written depends on what follows it.
const render = (strings: TemplateStringsArray, values: ReadonlyArray<Quotable>): string =>
  values.reduceRight<string>(
    (after, value, i) => `${strings.raw[i] ?? ""}${quoteValue(value, after)}${after}`,
    strings.raw[values.length] ?? ""
  )

/**
 * A script for `sh -c`: `shell(script)` takes the text as it is, `` shell`...` `` quotes every value in it.
 *
 * In a template
 * - a string becomes one word in single quotes, whatever it holds; an empty one becomes `''`
 * - a number or bigint is written as it is
 * - an array becomes one word an element; `unquoted(script)` is taken as it is
 * - write no quotes around a value: in `"${x}"` or a here-document the shell would read what `x` holds
 *   (`name=${x}; echo "hello $name"` does it right)
 * - the text between the values reaches the shell exactly as it is written in the source, backslashes too: `\n` is a
 *   backslash and an n (as `printf` wants it), `\$` and `` \` `` are what they are in a shell, a plain dollar sign and
 *   backtick. Hence `$HOME` and `$(...)` for the shell's own; `${HOME}` through `unquoted("${HOME}")`.
 *
 * `` shell(`... ${x}`) ``, with brackets, quotes nothing: `x` is then part of the script.
 *
 * It never fails: a NUL in the script is answered with `InvalidArgumentError` when the command is run.
 *
 * @example
 * ```ts
 * import * as Command from "effect-contree/Command"
 *
 * const name = "it's a file"
 * const words = ["a", "b c"]
 * Command.shell`touch ${name} && echo ${words} | wc -w` // touch 'it'\''s a file' && echo 'a' 'b c' | wc -w
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const shell: {
  (script: string): Shell
  (strings: TemplateStringsArray, ...values: ReadonlyArray<Quotable>): Shell
} = (script: string | TemplateStringsArray, ...values: ReadonlyArray<Quotable>): Shell =>
  makeShell(typeof script === "string" ? script : render(script, values))

/**
 * A piece of script for a template to take as it is. Whoever writes it can run anything: nothing from outside belongs
 * here.
 *
 * @example
 * ```ts
 * import * as Command from "effect-contree/Command"
 *
 * Command.shell`echo ${Command.unquoted("${HOME}")}` // echo ${HOME}
 * ```
 *
 * @since 0.1.0
 * @category quoting
 */
export const unquoted = (script: string): Unquoted => ({ _tag: "Unquoted", script })

/**
 * @since 0.1.0
 * @category guards
 */
export const isCommand = (u: unknown): u is Command => Predicate.hasProperty(u, TypeId)

/**
 * Why no system can run this command, or `undefined`: an empty program name, or a NUL anywhere. What runs commands
 * answers it with `InvalidArgumentError`.
 *
 * @since 0.1.0
 * @category getters
 */
export const problem = (self: Command): string | undefined => {
  if (self._tag === "Shell") {
    return self.script.includes("\0") ? "the script has a NUL character: no shell can read it" : undefined
  }
  if (self.path === "") return "the program's name is empty"
  if (self.path.includes("\0")) return "the program's name has a NUL character"
  const at = self.args.findIndex((arg) => arg.includes("\0"))
  return at === -1 ? undefined : `argument ${at + 1} has a NUL character: send such bytes through stdin or a file`
}

/**
 * A command that the script does not know.
 *
 * @since 0.1.0
 */
import * as Command from "../../schemas/Command.js"
import type { Case, Script } from "./Script.js"
import { on, show } from "./Script.js"

/**
 * A command came that no case of the script answers. It is a defect, not an error: a program that recovers from what a
 * service may answer would recover from the hole in its test's script too, and the test would prove nothing.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnscriptedCommand extends Error {
  /** @since 0.1.0 */
  override readonly name = "UnscriptedCommand"
  constructor(readonly command: Command.Command, image: string, cases: ReadonlyArray<Case>) {
    const scripted = cases.map((one, i) => `  ${i + 1}. ${one.label ?? "a case without a label"}`)
    super([
      `ContreeTest has no answer for ${show(command)} (in ${image}).`,
      ...(scripted.length === 0 ? ["Nothing is scripted."] : ["Scripted, and none of these matches:", ...scripted]),
      `Add to the script: runs: [ContreeTest.on(${show(command)}, { stdout: "..." })]`
    ].join("\n"))
  }
}

/** what `Image.applyFiles` runs: a test should not have to know */
const builtIn = on(Command.exec("true"), {})

/**
 * The first case that answers this command.
 *
 * @internal
 */
export const find = (runs: Script["runs"], command: Command.Command): Case | undefined => {
  const cases = typeof runs === "function" ? [{ match: () => true, reply: runs }] : runs ?? []
  return cases.find((one) => one.match(command)) ?? (builtIn.match(command) ? builtIn : undefined)
}

/** @internal */
export const unscripted = (runs: Script["runs"], command: Command.Command, image: string): UnscriptedCommand =>
  new UnscriptedCommand(command, image, typeof runs === "function" ? [] : runs ?? [])

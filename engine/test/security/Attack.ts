/** What an attack is, and what all kinds of them need. */
import * as Local from "../support/LocalEngine.js"
import type { Engine, Json } from "../support/LocalEngine.js"
import type { FakeRegistry } from "../oci/FakeRegistry.js"

export interface Target {
  readonly engine: Engine
  readonly registry: FakeRegistry
  /** a file of the host that nobody in a box may see, and its content */
  readonly secret: { readonly path: string; readonly content: string }
}

export interface Attack {
  readonly name: string
  /** what comes of it, where the engine is root and where it is an ordinary user */
  readonly outcome: string
  readonly asUser?: string
  /** what came of it */
  readonly attempt: (target: Target) => Promise<string>
}

const untried = "NOT RUN: "

/** The outcome of what this machine does not let anybody try. */
export const notRun = (why: string): string => `${untried}${why}`

export const isNotRun = (outcome: string): boolean => outcome.startsWith(untried)

/**
 * The outcome of what proves nothing: the same attempt fails also where it must succeed, for want of a tool or an option
 * of it. No row expects it.
 */
export const cannotTell = (what: string): string => `cannot tell: ${what}`

/** What the main command printed to standard output. */
export const outputOf = (operation: Json): string => Local.bytesOf(operation.metadata.result.stdout).toString("latin1")

/** What a script printed in a box; how the run ended where that was no exit of the script. */
export const inBox = async ({ engine }: Target, script: string, request: object = {}): Promise<string> => {
  const operation = await engine.run({ command: script, shell: true, disposable: true, ...request })
  return operation.status === "SUCCESS" ? outputOf(operation).trim() : `${operation.status}: ${operation.error}`
}

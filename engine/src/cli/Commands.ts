/**
 * Which file does which command's work; it is loaded when the command is given.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Args from "./Args.js"
import * as Specs from "./Specs.js"

/** What goes wrong says so in a line or two. */
type Work = Effect.Effect<number, { readonly message: string }>

/**
 * @since 0.1.0
 * @category models
 */
export interface Command {
  readonly spec: Args.Spec<Args.Shape>
  /** Reads the words after the name. Fails with a sentence about the command, without its subject. */
  readonly read: (argv: ReadonlyArray<string>) => Effect.Effect<Work, string>
}

const command = <O extends Args.Shape>(
  spec: Args.Spec<O>,
  load: () => Promise<{ readonly main: (given: Args.Parsed<O>) => Work }>
): Command => ({
  spec,
  read: (argv) =>
    Effect.map(Args.parse(spec, argv), (given) => Effect.flatMap(Effect.promise(load), ({ main }) => main(given)))
})

/**
 * In the order of the help.
 *
 * @since 0.1.0
 * @category commands
 */
export const all: ReadonlyArray<Command> = [
  command(Specs.run, () => import("./Run.js")),
  command(Specs.import, () => import("./Import.js")),
  command(Specs.images, () => import("./Images.js")),
  command(Specs.tree, () => import("./Tree.js")),
  command(Specs.ps, () => import("./Ps.js")),
  command(Specs.gc, () => import("./Gc.js")),
  command(Specs.serve, () => import("./Serve.js")),
  command(Specs.doctor, () => import("./Doctor.js"))
]

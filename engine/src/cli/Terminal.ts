/**
 * Where commands speak: stdout has what was asked for, stderr all else.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/**
 * How a stream likes to be written to. `width` is without end where nobody looks at columns.
 *
 * @since 0.1.0
 * @category models
 */
export interface Look {
  readonly isTerminal: boolean
  readonly width: number
  readonly paint: (style: Style, text: string) => string
}

/**
 * @since 0.1.0
 * @category models
 */
export type Style = keyof typeof styles

const styles = { strong: "1", faint: "2", good: "32", warning: "33", name: "36", bad: "31" } as const

const plain = (_: Style, text: string): string => text
const colored = (style: Style, text: string): string => `\u001b[${styles[style]}m${text}\u001b[0m`

/**
 * Colours only on a terminal, and not where NO_COLOR is set.
 *
 * @since 0.1.0
 * @category constructors
 */
export const look = (
  stream: { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined },
  env: NodeJS.ProcessEnv = process.env
): Look => {
  const isTerminal = stream.isTTY === true
  const hasColors = isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb"
  return {
    isTerminal,
    // a terminal that does not know its size says 0
    width: isTerminal ? stream.columns || 80 : Number.POSITIVE_INFINITY,
    paint: hasColors ? colored : plain
  }
}

/**
 * Done when it is out. False: nobody reads there any more.
 *
 * @since 0.1.0
 * @category writing
 */
export const writeBytes = (
  stream: NodeJS.WritableStream,
  bytes: Uint8Array | string
): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    // a stream that fails says so twice; without a listener it would end the program
    stream.once("error", gone)
    function gone(): void {
      resume(Effect.succeed(false))
    }
    stream.write(bytes, (error) => {
      if (error) return gone()
      stream.off("error", gone)
      resume(Effect.succeed(true))
    })
  })

/**
 * Where whoever reads has gone (`| head`) there is nobody to tell.
 *
 * @since 0.1.0
 * @category writing
 */
export const out = (text: string): Effect.Effect<void> => Effect.asVoid(writeBytes(process.stdout, text))

/**
 * @since 0.1.0
 * @category writing
 */
export const err = (text: string): Effect.Effect<void> => Effect.asVoid(writeBytes(process.stderr, text))

/**
 * A remark or a complaint of the program itself, on stderr.
 *
 * @since 0.1.0
 * @category writing
 */
export const say = (text: string): Effect.Effect<void> => err(`contree-local: ${text}\n`)

/**
 * The stdin of a process: what has been written to it, and whether more may come.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { concat } from "../../internal/Bytes.js"
import * as Bell from "./Bell.js"

/** @internal */
export class Input {
  readonly #pieces: Array<Uint8Array> = []
  readonly #bell = Bell.make()
  #isClosed = false

  get isClosed(): boolean {
    return this.#isClosed
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#pieces.push(bytes)
    this.#bell.ring()
  }

  close(): void {
    this.#isClosed = true
    this.#bell.ring()
  }

  bytes(): Uint8Array {
    return concat(this.#pieces)
  }

  /** from the beginning, to the end of the input */
  readonly stream: Stream.Stream<Uint8Array> = Stream.suspend(() => {
    let at = 0
    const next: Effect.Effect<Uint8Array, Option.Option<never>> = Effect.suspend(() => {
      const piece = this.#pieces[at]
      if (piece !== undefined) {
        at++
        return Effect.succeed(piece)
      }
      return this.#isClosed ? Effect.fail(Option.none()) : Effect.zipRight(this.#bell.next, next)
    })
    return Stream.repeatEffectOption(next)
  })
}

/**
 * A stream for whoever asks for one piece after the other: nothing is pulled before it is asked for, and of a chunk that
 * is there each piece is given without going through Effect.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Stream from "effect/Stream"
import * as Pull from "../../internal/Pull.js"

interface Asking<A> {
  readonly resolve: (result: IteratorResult<A>) => void
  readonly reject: (cause: unknown) => void
}

const done: IteratorResult<never> = { done: true, value: undefined }

export class PulledBody<A> implements AsyncIterator<A> {
  private fiber: Fiber.RuntimeFiber<void, unknown> | undefined
  private pieces: Iterator<A> = [][Symbol.iterator]()
  private asking: Asking<A> | undefined
  /** has the fiber pull the next chunk */
  private pull: (() => void) | undefined
  private exit: Exit.Exit<void, unknown> | undefined
  private isStopped = false

  constructor(private readonly stream: Stream.Stream<A, unknown>, private readonly runtime: Runtime.Runtime<never>) {}

  next(): Promise<IteratorResult<A>> {
    if (this.isStopped) return Promise.resolve(done)
    return new Promise((resolve, reject) => {
      this.asking = { resolve, reject }
      if (this.fiber === undefined) this.begin()
      else this.answer()
    })
  }

  /** Ends what makes the stream, and waits until it has ended. */
  async return(): Promise<IteratorResult<A>> {
    this.isStopped = true
    if (this.fiber !== undefined) await Effect.runPromise(Fiber.interrupt(this.fiber))
    return done
  }

  private begin(): void {
    const reading = Effect.flatMap(Pull.fromStream(this.stream), (pull) => {
      const next = Pull.nextOf(pull)
      const loop: Effect.Effect<void, unknown> = Effect.flatMap(
        next,
        (chunk) => chunk === undefined ? Effect.void : Effect.zipRight(this.given(chunk), loop)
      )
      return loop
    })
    const fiber = Runtime.runFork(this.runtime)(Effect.scoped(reading))
    this.fiber = fiber
    // What runs at once may have given it up.
    if (this.isStopped) fiber.unsafeInterruptAsFork(FiberId.none)
    fiber.addObserver((exit) => {
      this.exit = exit
      this.answer()
    })
  }

  /** until the last of them was given, and more is asked for */
  private given(chunk: Iterable<A>): Effect.Effect<void> {
    return Effect.async((resume) => {
      this.pieces = chunk[Symbol.iterator]()
      this.pull = () => resume(Effect.void)
      this.answer()
    })
  }

  private answer(): void {
    const { asking } = this
    if (asking === undefined) return
    const piece = this.pieces.next()
    if (piece.done !== true) {
      this.asking = undefined
      return asking.resolve(piece)
    }
    if (this.exit === undefined) {
      const { pull } = this
      this.pull = undefined
      return pull?.()
    }
    this.asking = undefined
    if (this.isStopped || this.exit._tag === "Success") asking.resolve(done)
    else asking.reject(Cause.squash(this.exit.cause))
  }
}

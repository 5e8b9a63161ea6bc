/**
 * A run of the double: its file system, its processes, and what becomes of both.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import type { Scope } from "effect/Scope"
import type { ExitStatus } from "../../schemas/ExitStatus.js"
import * as Ids from "../../schemas/Ids.js"
import type * as Wire from "../../schemas/Wire.js"
import type { Begun } from "./Begun.js"
import type { ImageTable, Row } from "./ImageTable.js"
import { text as momentText } from "./Moment.js"
import type { Operation } from "./Operation.js"
import type { Ending } from "./Play.js"
import { play } from "./Play.js"
import type { Reply } from "./Script.js"
import type { Task } from "./Task.js"
import * as Tree from "./Tree.js"

interface Running {
  readonly task: Task
  readonly fiber: Fiber.Fiber<void>
}

/** @internal */
export class Sandbox {
  readonly #running = new Map<number, Running>()
  #tree: Tree.Tree
  #spids = 1

  constructor(
    readonly operation: Operation,
    readonly request: Wire.InstanceSpawnRequest,
    readonly parent: Row,
    /** with the files of the request */
    tree: Tree.Tree,
    readonly images: ImageTable,
    readonly scope: Scope
  ) {
    this.#tree = tree
  }

  get tree(): Tree.Tree {
    return this.#tree
  }

  task(spid: number): Task | undefined {
    return this.#running.get(spid)?.task
  }

  nextSpid(): Ids.Spid {
    return Ids.Spid.make(++this.#spids)
  }

  /** The process goes on until it ends, is killed, or the layer that it is of is closed. */
  start(task: Task, begun: Begun): Effect.Effect<void> {
    const course = play(task, begun.answer).pipe(
      Effect.flatMap((ending) => this.#conclude(task, ending)),
      Effect.catchAllDefect((defect) => this.#break(task, defect)),
      Effect.onInterrupt(() => Effect.map(Clock.currentTimeMillis, (now) => this.#leave(now, task))),
      Effect.ensuring(begun.stop)
    )
    return Effect.gen(this, function*() {
      const now = yield* Clock.currentTimeMillis
      if (task.run.spid === 1) this.operation.log.append(now, "init", 0, initOf(this.request, now))
      task.begin(now)
      const fiber = yield* Effect.forkIn(Effect.interruptible(course), this.scope)
      this.#running.set(task.run.spid, { task, fiber })
    })
  }

  /** As with a signal: nothing of what the script says comes after it. */
  kill(task: Task, exit: ExitStatus): Effect.Effect<void> {
    return Effect.zipRight(
      this.#conclude(task, { _tag: "Ended", exit, writes: undefined }),
      Effect.asVoid(Fiber.interruptFork(this.#running.get(task.run.spid)?.fiber ?? Fiber.void))
    )
  }

  /** Returns when the handlers have been interrupted, so that a test finds done what they do then. */
  readonly cancel: Effect.Effect<void> = Effect.suspend(() =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      this.#finish(now, { status: "CANCELLED" }, "cancelled")
      return Fiber.interruptAll([...this.#running.values()].map(({ fiber }) => fiber))
    })
  )

  #write(writes: Reply["writes"], now: number): void {
    const changes = Object.entries(writes ?? {}).map(([path, content]) => ({ path, content }))
    this.#tree = Either.getOrThrowWith(
      Tree.change(this.#tree, changes, Math.floor(now / 1000)),
      (why) => new Error(`ContreeTest: writes: ${why}`)
    )
  }

  #conclude(task: Task, ending: Ending): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (task.isOver) return Effect.void
      if (ending._tag === "Ended") {
        this.#write(ending.writes, now)
        task.end(now, ending.exit)
        if (task.run.spid === 1) this.#succeed(now, ending.exit)
      } else {
        task.end(now, ending._tag === "Cancelled" ? "Interrupted" : { _tag: "Unknown" })
        if (task.run.spid === 1) this.#fail(now, ending)
      }
      return task.run.spid === 1 ? this.#stopOthers : Effect.void
    })
  }

  #fail(now: number, ending: Exclude<Ending, { readonly _tag: "Ended" }>): void {
    if (ending._tag === "Cancelled") this.#finish(now, { status: "CANCELLED" }, "cancelled")
    else this.#finish(now, { status: "FAILED", error: ending.error }, "failed")
  }

  /** what a sandbox that is over had running beside its command */
  get #stopOthers(): Effect.Effect<void> {
    const others = [...this.#running.values()].filter(({ task }) => task.run.spid !== 1)
    return Effect.forEach(others, ({ fiber }) => Fiber.interruptFork(fiber), { discard: true })
  }

  #succeed(now: number, exit: ExitStatus): void {
    const { env, preserve_env } = this.request
    const isTimedOut = exit._tag === "TimedOut"
    // half of what a command wanted to do is no image
    const image = this.request.disposable === true || isTimedOut ? undefined : this.images.derive(this.parent, {
      tree: this.#tree,
      env: preserve_env === true ? mergeEnv(this.parent.env, env) : this.parent.env,
      createdAt: now,
      operationId: this.operation.id
    })
    this.#finish(now, { status: "SUCCESS", image: image?.id }, isTimedOut ? "timeout" : "job_complete")
  }

  /** the sandbox ends, and with it whatever still runs there */
  #finish(now: number, end: Parameters<Operation["end"]>[1], reason: string): void {
    if (this.operation.isOver) return
    for (const { task } of this.#running.values()) task.end(now, "Interrupted")
    this.operation.log.append(now, "shutdown", 0, { stopped_at: momentText(now), reason })
    this.operation.end(now, end)
  }

  #leave(now: number, task: Task): void {
    task.end(now, "Interrupted")
    if (task.run.spid === 1) this.#finish(now, { status: "FAILED", error: "ContreeTest is closed" }, "engine_stopped")
  }

  #break(task: Task, defect: unknown): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      task.end(now, { _tag: "Unknown" })
      this.operation.log.die(defect)
      this.#finish(now, { status: "FAILED", error: "the script of the test has a mistake" }, "failed")
    })
  }
}

const initOf = (request: Wire.InstanceSpawnRequest, now: number) => ({
  started_at: momentText(now),
  runtime_path: "effect-contree/testing",
  verbose: false,
  init_pid: 1,
  hostname: request.hostname ?? "linuxkit"
})

/**
 * What a command finds: `null` takes a variable away.
 *
 * @internal
 */
export const mergeEnv = (
  kept: Readonly<Record<string, string>>,
  asked: Wire.InstanceSpawnRequest["env"]
): Readonly<Record<string, string>> => {
  const merged = new Map(Object.entries(kept))
  for (const [name, value] of Object.entries(asked ?? {})) {
    if (value === null) merged.delete(name)
    else merged.set(name, value)
  }
  return Object.fromEntries(merged)
}

/**
 * The whole SDK on a service that a test writes: images and their trees are kept as a service keeps them, and commands go
 * as the script says. No network, no sandbox, no real time: it runs wherever JavaScript does, also in a browser.
 *
 * What a program gets is the real `Images`, `Files` and `Operations`; the double stands where the HTTP API does. All
 * waiting is by the program's clock, so that a `TestClock` decides when a command ends.
 *
 * - `{ disposable: false }` makes an image of the parent's files, the run's `files`, and what the reply `writes`. With
 *   nothing changed it is the parent itself.
 * - A tag belongs to one image, and moves. Listing, reading, archiving and searching an image read its tree; `grep` knows
 *   what `RegExp` has in common with the service's own syntax.
 * - An image holds what the script puts into it and nothing else: no `/bin`, no `/etc/passwd`. There are no links.
 * - A run without `timeout` has the most that a service gives: an hour.
 * - Requests are not retried: a reply that fails with `RateLimitedError` fails the run.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as RunGate from "../internal/RunGate.js"
import type * as Command from "../schemas/Command.js"
import * as ContreeApi from "../services/ContreeApi.js"
import * as ContreeConfig from "../services/ContreeConfig.js"
import * as Files from "../services/Files.js"
import * as Images from "../services/Images.js"
import * as Operations from "../services/Operations.js"
import type * as Contree from "./Contree.js"
import * as FileApi from "./testing/FileApi.js"
import * as ImageApi from "./testing/ImageApi.js"
import * as OperationApi from "./testing/OperationApi.js"
import type { Call, Script } from "./testing/Script.js"
import * as World from "./testing/World.js"

/** @since 0.1.0 */
export * from "./testing/Script.js"

export {
  /**
   * @since 0.1.0
   * @category errors
   */
  UnscriptedCommand
} from "./testing/Unscripted.js"

/**
 * What a test can ask.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** the commands that are over, in the order in which they came; those that still run are not among them */
  readonly calls: Effect.Effect<ReadonlyArray<Call>>
  /** the commands that the script had no answer for: where a program lives on after a defect, a test can look here */
  readonly unscripted: Effect.Effect<ReadonlyArray<Command.Command>>
  /**
   * Back to the beginning: what still runs is cancelled; calls, operations, uploads, tags, and images that are not the
   * script's are forgotten, and ids are counted anew.
   */
  readonly reset: Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class ContreeTest extends Context.Tag("effect-contree/testing/ContreeTest")<ContreeTest, Service>() {}

const config: ContreeConfig.Service = {
  token: Redacted.make("token-of-contree-test"),
  project: Option.none(),
  baseUrl: "http://contree.test",
  userAgent: Option.none(),
  concurrency: { runs: 50, imports: 8, uploads: 4 },
  retry: Schedule.stop,
  requestTimeout: Duration.minutes(5),
  idleTimeout: Duration.minutes(1),
  transformClient: Option.none()
}

const make = (script: Script) =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    let world = yield* World.make(script, scope)
    const current = () => world
    const api: ContreeApi.Service = {
      ...OperationApi.make(current),
      ...ImageApi.make(current),
      ...FileApi.make(current)
    }
    const test: Service = {
      calls: Effect.sync(() => world.calls.flatMap((call) => call.toCall())),
      unscripted: Effect.sync(() => [...world.unscripted]),
      reset: Effect.suspend(() =>
        Effect.forEach(
          world.operations.values(),
          (entry) => entry.operation.isOver ? Effect.void : entry.cancel,
          { discard: true }
        )
      ).pipe(
        Effect.zipRight(World.make(script, scope)),
        Effect.map((fresh) => {
          world = fresh
        })
      )
    }
    return Context.make(ContreeApi.ContreeApi, api).pipe(Context.add(ContreeTest, test))
  })

/** as the layers of the service do it: what still runs is cancelled, unless it was detached */
const closing: Layer.Layer<never, never, ContreeApi.ContreeApi> = Layer.scopedDiscard(
  Effect.flatMap(ContreeApi.ContreeApi, (api) => Effect.addFinalizer(() => RunGate.rootOf(api).close))
)

/**
 * The double. Its script is read when the layer is built, and a mistake in it is thrown there.
 *
 * A command without an answer in the script ends the program with a defect, `UnscriptedCommand`, that lists what is
 * scripted.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Command, Images } from "effect-contree"
 * import { ContreeTest } from "effect-contree/testing"
 *
 * const program = Effect.gen(function* () {
 *   const base = yield* (yield* Images.Images).use("node:22")
 *   const built = yield* base.run(Command.exec("npm", ["run", "build"]), { disposable: false, check: true })
 *   return yield* built.image.readText("/app/dist/main.js")
 * })
 *
 * const Test = ContreeTest.layer({
 *   images: { "node:22": { "/app/package.json": "{}" } },
 *   runs: [ContreeTest.on("npm run build", { stdout: "built\n", writes: { "/app/dist/main.js": "main()" } })]
 * })
 *
 * program.pipe(Effect.provide(Test), Effect.runPromise) // "main()"
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (script: Script = {}): Layer.Layer<Contree.Contree | ContreeTest> =>
  Layer.mergeAll(
    Layer.effect(Images.Images, Images.make),
    Layer.effect(Files.Files, Files.make),
    Layer.effect(Operations.Operations, Operations.make),
    closing
  ).pipe(
    Layer.provideMerge(Layer.scopedContext(make(script))),
    Layer.provide(Layer.succeed(ContreeConfig.ContreeConfig, config))
  )

import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Stream, TestClock } from "effect"
import { Command, File, Files, Images } from "effect-contree"
import { ContreeApi } from "../../src/services/ContreeApi.js"
import type { Service } from "../../src/services/ContreeApi.js"
import { ContreeConfig } from "../../src/services/ContreeConfig.js"
import { type Fake, imageId, makeFake } from "../support/fakeApi.js"

/**
 * A service that stands still at its `nth` point, of which each method has two: before its request is taken, and before
 * its answer is given; a stream has one more for each event.
 */
const standing = (api: Service, nth: number) =>
  Effect.gen(function*() {
    const reached = yield* Deferred.make<void>()
    const release = yield* Deferred.make<void>()
    let count = 0
    const point = Effect.suspend(() =>
      count++ === nth ? Effect.zipRight(Deferred.succeed(reached, undefined), Deferred.await(release)) : Effect.void
    )
    const around = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.zipLeft(Effect.zipRight(point, self), point)
    const through = <A, E, R>(self: Stream.Stream<A, E, R>) =>
      Stream.concat(Stream.execute(point), Stream.tap(self, () => point))
    const hooked: Service = {
      ...api,
      spawnInstance: (request) => around(api.spawnInstance(request)),
      getOperation: (id, options) => around(api.getOperation(id, options)),
      cancelOperation: (id) => around(api.cancelOperation(id)),
      operationEvents: (id, query) => through(api.operationEvents(id, query)),
      importImage: (request) => around(api.importImage(request)),
      findImageByTag: (tag) => around(api.findImageByTag(tag)),
      createSubprocess: (id, request) => around(api.createSubprocess(id, request)),
      killSubprocess: (id, spid, signal) => around(api.killSubprocess(id, spid, signal)),
      writeSubprocessStdin: (id, spid, piece) => around(api.writeSubprocessStdin(id, spid, piece)),
      getFile: (sha256) => around(api.getFile(sha256)),
      uploadFile: (content, options) => around(api.uploadFile(content, options)),
      downloadFile: (id, path) => through(api.downloadFile(id, path)),
      setImageTag: (id, tag) => around(api.setImageTag(id, tag))
    }
    return { hooked, reached, release }
  })

type Program = Effect.Effect<unknown, unknown, Images.Images | Files.Files>

interface Case {
  readonly program: Program
  /** what its command does; by default it ends well */
  readonly onSpawn?: Fake["onSpawn"]
  /** what an import does; by default it ends well */
  readonly onImport?: Fake["onImport"]
}

const image = Effect.flatMap(Images.Images, (images) => images.use(imageId(1)))
const cmd = Command.exec("true")
const endless: Fake["onSpawn"] = (operation) => void operation.spawned().stdout("one")
const ending: Fake["onSpawn"] = (operation) => void operation.spawned().stdout("one").stderr("e").exit(0)

const cases: Readonly<Record<string, Case>> = {
  "run, kept and tagged, with a file": {
    program: Effect.flatMap(image, (i) => i.run(cmd, { files: { "/a": File.text("a") }, disposable: false, tag: "t" }))
  },
  "run that ends": { program: Effect.flatMap(image, (i) => i.run(cmd)), onSpawn: ending },
  "run without end": { program: Effect.flatMap(image, (i) => i.run(cmd)), onSpawn: endless },
  "stream that ends": { program: Effect.flatMap(image, (i) => Stream.runDrain(i.stream(cmd))), onSpawn: ending },
  "stream without end": { program: Effect.flatMap(image, (i) => Stream.runDrain(i.stream(cmd))), onSpawn: endless },
  "start, and its exit": {
    program: Effect.scoped(Effect.flatMap(image, (i) => Effect.flatMap(i.start(cmd), (p) => p.exit))),
    onSpawn: ending
  },
  "start, and nothing of it": {
    program: Effect.scoped(Effect.flatMap(image, (i) => Effect.zipRight(i.start(cmd), Effect.never))),
    onSpawn: endless
  },
  "start, and its input": {
    program: Effect.scoped(
      Effect.flatMap(
        image,
        (i) => Effect.flatMap(i.start(cmd), (p) => Effect.all([p.write(new Uint8Array(100_000)), p.end, p.exit]))
      )
    ),
    onSpawn: (operation) => {
      operation.onInput = (_, input) => void (input.isClosed && operation.exit(0))
      operation.spawned()
    }
  },
  "start, and another process in it": {
    program: Effect.scoped(
      Effect.flatMap(
        image,
        (i) =>
          Effect.flatMap(
            i.start(cmd),
            (p) => Effect.flatMap(p.exec(cmd), (other) => Effect.zipRight(other.exit, Effect.never))
          )
      )
    ),
    onSpawn: endless
  },
  "import": {
    program: Effect.flatMap(Images.Images, (images) => images.importFrom("debian:12", { tag: "t" })),
    onImport: (operation) => void operation.emit("progress", {}, null)
  },
  "scratch": {
    program: Effect.scoped(Effect.flatMap(image, (i) => Effect.flatMap(i.scratch, (s) => s.run(cmd)))),
    onSpawn: ending
  },
  "upload": { program: Effect.flatMap(Files.Files, (files) => files.upload(File.text("x"))) },
  "download": { program: Effect.flatMap(image, (i) => Stream.runDrain(i.readStream("/a"))) }
}

/** lets every fiber that can go on do so */
const settle = Effect.repeatN(Effect.yieldNow(), 200)

/** Interrupts at one point; says whether there was such a point. */
const interruptAt = ({ onImport, onSpawn, program }: Case, nth: number) =>
  Effect.gen(function*() {
    const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: 1 } })
    if (onSpawn !== undefined) fake.onSpawn = onSpawn
    if (onImport !== undefined) fake.onImport = onImport
    const { hooked, reached, release } = yield* standing(fake.api, nth)
    const services = Layer.merge(
      Layer.effect(Images.Images, Images.make),
      Layer.effect(Files.Files, Files.make)
    ).pipe(
      Layer.provide(Layer.merge(Layer.succeed(ContreeApi, hooked), Layer.succeed(ContreeConfig, fake.config)))
    )
    const fiber = yield* Effect.fork(Effect.provide(program, services))
    yield* settle
    const isThere = yield* Deferred.isDone(reached)
    const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
    yield* settle
    yield* Deferred.succeed(release, undefined)
    for (let i = 0; i < 25 && interrupting.unsafePoll() === null; i++) yield* TestClock.adjust("1 second")
    const exit = yield* Fiber.join(interrupting)
    yield* settle
    const where = `at point ${nth}, with ${fake.calls.map(({ method }) => method).join(", ")}`
    for (const operation of fake.operations) {
      expect([where, operation.status]).not.toEqual([where, "EXECUTING"])
      const cancels = fake.named("cancelOperation").filter(({ args }) => args[0] === operation.id).length
      expect(cancels, where).toBeLessThanOrEqual(1)
      expect(operation.open, where).toBe(0)
    }
    if (isThere) expect(Exit.isFailure(exit), where).toBe(true)
    // the place among the runs is free again
    fake.onSpawn = ending
    const again = Effect.provide(Effect.flatMap(image, (i) => i.run(cmd)), services)
    const another = yield* Effect.fork(again)
    for (let i = 0; i < 25 && another.unsafePoll() === null; i++) yield* TestClock.adjust("1 second")
    expect(Exit.isSuccess(yield* Fiber.await(another)), where).toBe(true)
    return isThere
  })

describe("interrupted at every point", () => {
  it.effect.each(Object.entries(cases))(
    "%s: nothing runs on, and one cancel at most is sent",
    ([, made]) =>
      Effect.gen(function*() {
        let points = 0
        while (points < 100 && (yield* interruptAt(made, points))) points++
        expect(points).toBeGreaterThanOrEqual(2)
        expect(points).toBeLessThan(100)
      })
  )
})

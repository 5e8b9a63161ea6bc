import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, HashMap, Option, Scope, Stream } from "effect"
import { Command, Errors } from "effect-contree"
import type { Image, Wire } from "effect-contree"
import { type Fake, imageId, imageOf, makeFake } from "../support/fakeApi.js"

const cmd = Command.exec("true")
const requests = (fake: Fake) => fake.named("spawnInstance").map((c) => c.args[0] as Wire.InstanceSpawnRequest)
const idOf = (image: Image.Image) => Option.getOrThrow(image.id)

describe("a session", () => {
  it.effect("moves from image to image, one run at a time, and peeks without moving", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const session = yield* Effect.flatMap(imageOf(fake), (image) =>
        image.session({ cwd: "/app", env: { A: "1", B: "2" } }))
      yield* session.run(cmd, { env: { B: "3" } })
      yield* session.exec(cmd, { cwd: "/" })
      yield* Effect.all([session.run(cmd), session.run(cmd)], { concurrency: "unbounded" })
      const sent = requests(fake)
      expect(sent.map((r) => [r.image, r.disposable])).toEqual([
        [imageId(1), false],
        [imageId(100), true],
        [imageId(100), false],
        [imageId(101), false]
      ])
      expect(sent[0]).toMatchObject({ cwd: "/app", env: { A: "1", B: "3" } })
      expect(sent[1]).toMatchObject({ cwd: "/", env: { A: "1", B: "2" } })
      const history = yield* session.history
      expect(history.map((n) =>
        idOf(n.image)
      )).toEqual([1, 100, 101, 102].map(imageId))
      expect(history.map((n) => Option.isSome(n.parent))).toEqual([false, true, true, true])
    }))

  it.effect("a failure leaves the tip, a bad exit moves it unless it is checked", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const session = yield* Effect.flatMap(imageOf(fake), (image) => image.session())
      fake.onSpawn = (o) => void o.end("FAILED")
      yield* Effect.flip(session.run(cmd))
      fake.onSpawn = (o) => void o.exit(1, imageId(8))
      yield* Effect.flip(session.run(cmd, { check: true }))
      expect(idOf(yield* session.image)).toBe(imageId(1))
      yield* session.run(cmd)
      expect(idOf(yield* session.image)).toBe(imageId(8))
      fake.onSpawn = (o) => void o.spawned()
      const fiber = yield* Effect.fork(session.run(cmd))
      yield* fake.awaitCalls("spawnInstance", 4)
      yield* Fiber.interrupt(fiber)
      expect(idOf(yield* session.image)).toBe(imageId(8))
      fake.onSpawn = (o) => void o.exit(0, imageId(9))
      yield* session.run(cmd)
      expect(idOf(yield* session.image)).toBe(imageId(9))
    }))

  it.effect("branches, goes back, and forks", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const session = yield* Effect.flatMap(imageOf(fake), (image) => image.session())
      yield* session.run(cmd)
      const base = yield* session.branch("base")
      yield* session.run(cmd)
      const fork = yield* session.fork
      yield* fork.run(cmd)
      expect(idOf(yield* session.image)).toBe(imageId(101))
      expect(idOf(yield* fork.image)).toBe(imageId(102))
      yield* session.run(cmd)
      expect((yield* session.tip).id).not.toBe((yield* fork.tip).id)
      expect((yield* session.checkout("base")).id).toBe(base.id)
      yield* session.run(cmd)
      expect(HashMap.toEntries(yield* session.branches)).toEqual([["base", base.id]])
      expect((yield* session.rollback()).id).toBe(base.id)
      expect((yield* session.rollback(0)).id).toBe(base.id)
      expect((yield* session.checkout((yield* session.history)[0].id)).id).not.toBe(base.id)
      for (
        const bad of [
          session.rollback(1),
          session.rollback(-1),
          session.rollback(0.5),
          session.checkout("no"),
          session.branch("")
        ]
      ) {
        expect(yield* Effect.flip(bad)).toBeInstanceOf(Errors.InvalidArgumentError)
      }
    }))

  it.effect("branch, checkout and rollback wait for a run that is going on", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const session = yield* Effect.flatMap(imageOf(fake), (image) => image.session())
      fake.onSpawn = (o) => void o.spawned()
      const root = yield* session.tip
      const run = yield* Effect.fork(session.run(cmd))
      yield* fake.awaitCalls("operationEvents")
      const steps = yield* Effect.fork(
        Effect.all([session.branch("after"), session.rollback(), session.checkout("after")])
      )
      yield* Effect.yieldNow()
      expect(steps.unsafePoll()).toBeNull()
      fake.operations[0]!.exit(0, imageId(8))
      yield* Fiber.join(run)
      const [named, back, again] = yield* Fiber.join(steps)
      expect([named, back, again].map((node) => idOf(node.image))).toEqual([8, 1, 8].map(imageId))
      expect(back.id).toBe(root.id)
    }))

  it.effect("where calls are refused, all that would move the tip fail at once while a run goes on", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const session = yield* Effect.flatMap(
        imageOf(fake),
        (image) => image.session({ concurrency: "refuse", cwd: "/app" })
      )
      fake.onSpawn = (o) => void o.spawned()
      const run = yield* Effect.fork(session.run(cmd))
      yield* fake.awaitCalls("operationEvents")
      const calls = fake.calls.length
      const refused: ReadonlyArray<readonly [string, Effect.Effect<unknown, Errors.ContreeError>]> = [
        ["Session.run", session.run(cmd)],
        ["Session.branch", session.branch("a")],
        ["Session.checkout", session.checkout("node-0")],
        ["Session.rollback", session.rollback(0)],
        ["Session.tag", session.tag("t")]
      ]
      for (const [method, call] of refused) {
        const error = yield* Effect.flip(call)
        expect(error).toMatchObject({ _tag: "ConflictError", method, retryable: true })
        expect(error.message).toContain("a run is going on")
        expect(Errors.hint(error)).not.toContain("ended")
      }
      expect(fake.calls.length).toBe(calls)
      expect(HashMap.size(yield* session.branches)).toBe(0)
      // what does not move it goes on as ever, and a fork has its own tip
      fake.onSpawn = (o) => void o.exit(0, imageId(7))
      yield* session.exec(cmd)
      const fork = yield* session.fork
      yield* fork.run(cmd)
      fake.operations[0]!.exit(0, imageId(8))
      yield* Fiber.join(run)
      yield* session.run(cmd)
      expect(requests(fake).every(({ cwd }) => cwd === "/app")).toBe(true)
    }))

  it.effect("tag names the tip's image, and the node shows it from then on", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const session = yield* Effect.flatMap(imageOf(fake), (image) => image.session())
      yield* session.run(cmd)
      const fork = yield* session.fork
      const tagged = yield* session.tag("v1")
      expect([tagged.id, Option.getOrNull(tagged.image.tag)]).toEqual([(yield* fork.tip).id, "v1"])
      expect(fake.tags.get("v1")).toBe(imageId(100))
      expect(Option.getOrNull((yield* session.tip).image.tag)).toBe("v1")
      expect(Option.isNone((yield* fork.tip).image.tag)).toBe(true)
      yield* session.run(cmd)
      expect((yield* session.history).map((node) => Option.getOrNull(node.image.tag))).toEqual([null, "v1", null])
      expect(yield* Effect.flip(session.tag("no spaces"))).toBeInstanceOf(Errors.InvalidArgumentError)
    }))

  it.effect("each session has a history of its own", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const session = (yield* imageOf(fake)).session()
      const [a, b] = yield* Effect.all([session, session])
      yield* a.run(cmd)
      expect((yield* b.history).length).toBe(1)
    }))
})

describe("a scratch", () => {
  it.effect("closing it cancels what runs, removes its tags, and disposes of every handle", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      fake.tags.set("mine", imageId(1))
      const scope = yield* Scope.make()
      const scratch = yield* Scope.extend(image.scratch, scope)
      const kept = yield* scratch.run(cmd, { tag: "made" })
      yield* kept.image.tagAs("again")
      yield* (yield* kept.image.tagAs("undone")).untag()
      fake.onSpawn = (o) => void o.spawned()
      const run = yield* Effect.fork(scratch.exec(cmd))
      const derived = yield* Effect.fork(kept.image.run(cmd))
      const elsewhere = yield* Effect.fork(image.run(cmd))
      yield* fake.awaitCalls("operationEvents", 4)
      yield* Scope.close(scope, Exit.void)
      expect(fake.named("cancelOperation").length).toBe(2)
      for (const fiber of [run, derived]) {
        expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "CancelledOperationError" })
      }
      expect([...fake.tags.keys()]).toEqual(["mine"])
      const before = fake.calls.length
      const session = yield* kept.image.session().pipe(Effect.flip)
      expect(session).toBeInstanceOf(Errors.DisposableImageRunError)
      for (
        const use of [
          scratch.run(cmd),
          scratch.exec(cmd),
          kept.image.run(cmd),
          Stream.runDrain(kept.image.stream(cmd)),
          kept.image.ls(),
          kept.image.read("/a"),
          kept.image.tagAs("x"),
          kept.image.inspect,
          Effect.scoped(kept.image.scratch),
          Effect.scoped(kept.image.start(cmd)),
          kept.image.applyFiles({ "/a": "x" }),
          Stream.runDrain(kept.image.archive("/"))
        ]
      ) {
        expect(yield* Effect.flip(use as Effect.Effect<unknown, unknown>)).toBeInstanceOf(
          Errors.DisposableImageRunError
        )
      }
      expect(yield* kept.image.state).toBe("Disposed")
      expect(fake.calls.length).toBe(before)
      // what it came from lives on
      expect(yield* image.state).toBe("Pulled")
      fake.operations.find((o) => o.status === "EXECUTING")!.exit(0)
      expect((yield* Fiber.join(elsewhere)).exitCode).toBe(0)
    }))

  it.effect("a run whose spawn is on its way when the scope closes is cancelled, and one that waits is never sent", () =>
    Effect.gen(function*() {
      const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: 1 } })
      fake.onSpawn = (o) => void o.spawned()
      const answer = yield* Deferred.make<void>()
      fake.before.set("spawnInstance", Deferred.await(answer))
      const image = yield* imageOf(fake)
      const scope = yield* Scope.make()
      const scratch = yield* Scope.extend(image.scratchWith({ cwd: "/w" }), scope)
      const first = yield* Effect.fork(Effect.flip(scratch.exec(cmd)))
      yield* fake.awaitCalls("spawnInstance")
      const second = yield* Effect.fork(Effect.flip(scratch.exec(cmd)))
      yield* Effect.yieldNow()
      // it waits for what is on its way
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      expect(closing.unsafePoll()).toBeNull()
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(closing)
      expect(yield* Fiber.join(first)).toBeInstanceOf(Errors.DisposableImageRunError)
      expect(yield* Fiber.join(second)).toBeInstanceOf(Errors.DisposableImageRunError)
      expect(fake.named("spawnInstance").length).toBe(1)
      expect(requests(fake)[0]!.cwd).toBe("/w")
      expect(fake.named("cancelOperation").length).toBe(1)
    }))

  const endings = [
    ["success", Effect.void],
    ["a failure", Effect.fail("failed")],
    ["a defect", Effect.die("defect")],
    ["an interruption", Effect.interrupt]
  ] as const
  it.effect.each(endings)(
    "after %s what runs is cancelled, tags are gone, and handles are over",
    ([, ending]) =>
      Effect.gen(function*() {
        const fake = makeFake()
        const image = yield* imageOf(fake)
        let inside: Image.Image | undefined
        const exit = yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
          const scratch = yield* image.scratch
          inside = (yield* scratch.run(cmd, { tag: "t" })).image
          fake.onSpawn = (o) => void o.spawned()
          yield* Effect.forkDaemon(scratch.exec(cmd))
          yield* fake.awaitCalls("spawnInstance", 2)
          yield* fake.awaitCalls("operationEvents", 2)
          yield* ending as Effect.Effect<void, string>
        })))
        expect(Exit.isSuccess(exit)).toBe(ending === Effect.void)
        expect(fake.tags.size).toBe(0)
        expect(fake.operations.map(({ status }) => status)).toEqual(["SUCCESS", "CANCELLED"])
        const before = fake.calls.length
        expect(yield* Effect.flip(inside!.run(cmd))).toBeInstanceOf(Errors.DisposableImageRunError)
        expect(fake.calls.length).toBe(before)
      })
  )

  it.effect("a tag that is being set when the scope closes is removed after it", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const answer = yield* Deferred.make<void>()
      fake.before.set("setImageTag", Deferred.await(answer))
      const image = yield* imageOf(fake)
      const scope = yield* Scope.make()
      const scratch = yield* Scope.extend(image.scratch, scope)
      const inside = yield* scratch.image
      const tagging = yield* Effect.fork(inside.tagAs("late"))
      yield* fake.awaitCalls("setImageTag")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(closing)
      yield* Fiber.await(tagging)
      expect(fake.tags.size).toBe(0)
      expect(fake.named("deleteImageTag").length).toBe(1)
      // and none is set any more
      expect(yield* Effect.flip(inside.tagAs("later"))).toBeInstanceOf(Errors.DisposableImageRunError)
      expect(fake.named("setImageTag").length).toBe(1)
    }))

  it.effect("a scratch inside a scratch ends with either", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      const outer = yield* Scope.make()
      const inner = yield* Scope.make()
      const a = yield* Scope.extend(image.scratch, outer)
      const inside = yield* Effect.flatMap(a.image, (i) => Scope.extend(i.scratch, inner))
      yield* inside.run(cmd, { tag: "t" })
      yield* Scope.close(outer, Exit.void)
      expect(fake.tags.size).toBe(0)
      expect(yield* Effect.flip(inside.exec(cmd))).toBeInstanceOf(Errors.DisposableImageRunError)
      yield* Scope.close(inner, Exit.void)
    }))

  const refusals = [
    ["a broken connection", new Errors.TransportError({ method: "x" }), 1],
    ["a failing server", new Errors.ServerError({ method: "x", status: 502 }), 1],
    ["a refusal", new Errors.NotFoundError({ method: "x", status: 404 }), 0]
  ] as const
  it.effect.each(refusals)(
    "after %s a tag is removed unless it was surely not set",
    ([, error, removals]) =>
      Effect.gen(function*() {
        const fake = makeFake()
        const image = yield* imageOf(fake)
        yield* Effect.scoped(Effect.gen(function*() {
          const inside = yield* Effect.flatMap(image.scratch, (scratch) => scratch.image)
          fake.before.set(
            "setImageTag",
            Effect.sync(() => void (removals === 1 ? fake.tags.set("t", imageId(1)) : undefined))
          )
          fake.failures.set("setImageTag", [error])
          yield* Effect.flip(inside.tagAs("t"))
        }))
        expect(fake.tags.size).toBe(0)
        expect(fake.named("deleteImageTag").length).toBe(removals)
      })
  )

  it.effect("a tag whose setting was interrupted goes too", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      yield* Effect.scoped(Effect.gen(function*() {
        const inside = yield* Effect.flatMap(image.scratch, (scratch) => scratch.image)
        // set, and the answer never comes
        fake.before.set("setImageTag", Effect.zipRight(Effect.sync(() => fake.tags.set("t", imageId(1))), Effect.never))
        const fiber = yield* Effect.fork(inside.tagAs("t"))
        yield* fake.awaitCalls("setImageTag")
        yield* Fiber.interrupt(fiber)
        expect(fake.tags.size).toBe(1)
      }))
      expect(fake.tags.size).toBe(0)
    }))

  it.effect("a tag that was taken back inside is nothing to the scratch around", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const image = yield* imageOf(fake)
      yield* Effect.scoped(Effect.gen(function*() {
        const outside = yield* Effect.flatMap(image.scratch, (scratch) => scratch.image)
        yield* Effect.scoped(Effect.gen(function*() {
          const inside = yield* Effect.flatMap(outside.scratch, (scratch) => scratch.image)
          yield* Effect.flatMap(inside.tagAs("undone"), (tagged) => tagged.untag())
          yield* inside.tagAs("ends-inside")
        }))
        expect(fake.named("deleteImageTag").map((c) => c.args[1])).toEqual(["undone", "ends-inside"])
        // somebody else's by now
        fake.tags.set("undone", imageId(1))
        fake.tags.set("ends-inside", imageId(1))
      }))
      expect([...fake.tags.keys()]).toEqual(["undone", "ends-inside"])
    }))
})

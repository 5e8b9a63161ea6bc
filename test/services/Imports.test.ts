import { describe, expect, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Logger,
  Option,
  Redacted,
  Stream,
  TestClock
} from "effect"
import { Errors, Images } from "effect-contree"
import type { Wire } from "effect-contree"
import { inspect } from "node:util"
import * as RunGate from "../../src/internal/RunGate.js"
import { type Fake, imageId, makeFake, withFake } from "../support/fakeApi.js"

const over = <A, E>(fake: Fake, use: (images: Images.Service) => Effect.Effect<A, E>) =>
  Effect.flatMap(Images.Images, use).pipe(Effect.provide(withFake(fake)))

const requests = (fake: Fake) => fake.named("importImage").map((call) => call.args[0] as Wire.ImageImportRequest)
const methods = (fake: Fake) => fake.calls.map((call) => call.method)
const names = ["oci", "docker", "podman", "pullByOci"] as const

describe("oci", () => {
  it.effect.each(names)("%s looks up by tag, and imports what is not there", (name) =>
    Effect.gen(function*() {
      const fake = makeFake()
      const first = yield* over(fake, (i) => i[name]("docker.io/library/busybox:1.36"))
      expect([first.id.value, Option.getOrNull(first.tag)]).toEqual([imageId(100), "busybox:1.36"])
      expect(requests(fake)).toEqual([
        { registry: { url: "docker://docker.io/library/busybox:1.36" }, tag: "busybox:1.36" }
      ])
      const again = yield* over(fake, (i) => i[name]("busybox:1.36"))
      expect(again.id.value).toBe(imageId(100))
      expect(requests(fake).length).toBe(1)
      expect(fake.named("findImageByTag").map((call) => call.args[0])).toEqual(["busybox:1.36", "busybox:1.36"])
    }))

  it.effect("the tag that is given is looked up, and given to what is imported", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.tags.set("debian:12", imageId(3))
      const image = yield* over(fake, (i) => i.oci("debian:12", { tag: "mine/debian", timeout: "90.5 seconds" }))
      expect(image.id.value).toBe(imageId(100))
      expect(requests(fake)).toEqual([
        { registry: { url: "docker://docker.io/library/debian:12" }, tag: "mine/debian", timeout: 91 }
      ])
      expect((yield* over(fake, (i) => i.oci("debian:12"))).id.value).toBe(imageId(3))
    }))

  it.effect("an id and a tag are found or not, and never imported", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      expect((yield* over(fake, (i) => i.oci(imageId(5)))).id.value).toBe(imageId(5))
      fake.failures.set("inspectImage", [new Errors.NotFoundError({ method: "inspectImage", status: 404 })])
      expect(yield* Effect.flip(over(fake, (i) => i.oci(imageId(6))))).toBeInstanceOf(Errors.NotFoundError)
      expect(yield* Effect.flip(over(fake, (i) => i.oci("tag:nightly")))).toBeInstanceOf(Errors.NotFoundError)
      fake.tags.set("nightly", imageId(7))
      expect((yield* over(fake, (i) => i.oci("tag:nightly"))).id.value).toBe(imageId(7))
      expect(requests(fake)).toEqual([])
    }))

  it.effect("a failure of the look-up that is no 404 imports nothing", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.failures.set("findImageByTag", [new Errors.ForbiddenError({ method: "findImageByTag", status: 403 })])
      expect(yield* Effect.flip(over(fake, (i) => i.oci("busybox")))).toBeInstanceOf(Errors.ForbiddenError)
      expect(requests(fake)).toEqual([])
    }))
})

describe("importFrom", () => {
  it.effect("always imports, and says which registry in the words of the wire", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const digest = `sha256:${"a".repeat(64)}`
      fake.tags.set("busybox", imageId(1))
      for (
        const ref of ["busybox", `localhost:5000/team/app:v1@${digest}`, "docker://quay.io/x/y:2"]
      ) {
        yield* over(fake, (i) => i.importFrom(ref))
      }
      expect(requests(fake)).toEqual([
        { registry: { url: "docker://docker.io/library/busybox" }, tag: "busybox" },
        {
          registry: { url: `docker://localhost:5000/team/app@${digest}` },
          tag: `localhost:5000/team/app:sha256-${"a".repeat(64)}`
        },
        { registry: { url: "docker://quay.io/x/y:2" }, tag: "quay.io/x/y:2" }
      ])
      expect(methods(fake)).not.toContain("findImageByTag")
    }))

  const secret = Redacted.make("s3cret")
  it.effect("credentials are both or none, and empty ones are none", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      yield* over(fake, (i) => i.importFrom("a/b", { username: "me", password: secret }))
      yield* over(fake, (i) => i.importFrom("a/b", { username: "", password: Redacted.make("") }))
      expect(requests(fake).map((request) => request.registry.credentials)).toEqual([
        { username: "me", password: "s3cret" },
        undefined
      ])
    }))

  it.effect("what cannot be used is refused before any request", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const refused = (use: (images: Images.Service) => Effect.Effect<unknown, Errors.ImportError>) =>
        Effect.flip(over(fake, use))
      for (const ref of [imageId(1), "tag:x", "", ":", "http://x/y", `registry.test/${"x".repeat(250)}`]) {
        expect(yield* refused((i) => i.importFrom(ref))).toBeInstanceOf(Errors.InvalidReferenceError)
      }
      const halves: ReadonlyArray<readonly [Images.ImportOptions, string]> = [
        [{ username: "me" }, "password"],
        [{ username: "me", password: Redacted.make("") }, "password"],
        [{ password: secret }, "username"],
        [{ username: "", password: secret }, "username"],
        [{ tag: "no spaces" }, "tag"],
        [{ timeout: 0 }, "timeout"],
        [{ waitTimeout: Infinity }, "waitTimeout"]
      ]
      for (const [options, argument] of halves) {
        for (const name of ["importFrom", "oci"] as const) {
          expect(yield* refused((i) => i[name]("busybox", options))).toMatchObject({
            _tag: "InvalidArgumentError",
            argument,
            method: `Images.${name}`
          })
        }
        expect(yield* refused((i) => Stream.runDrain(i.importStream("busybox", options)))).toMatchObject({ argument })
      }
      expect(yield* refused((i) => i.oci(imageId(1), { tag: "x" }))).toMatchObject({ argument: "tag" })
      expect(yield* refused((i) => i.oci(imageId(1), { username: "x" }))).toMatchObject({ argument: "password" })
      expect(yield* refused((i) => i.pull("x", { newTag: " " }))).toMatchObject({ argument: "newTag" })
      expect(fake.calls).toEqual([])
    }))

  it.effect("a reference that is too long for a tag is imported under the tag that is given", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      yield* over(fake, (i) => i.importFrom(`registry.test/${"x".repeat(250)}`, { tag: "long" }))
      expect(requests(fake)[0]!.tag).toBe("long")
    }))

  it.effect("how it ends badly", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const ending = (end: Fake["onImport"]) => {
        fake.onImport = end
        return Effect.flip(over(fake, (i) => i.importFrom("busybox")))
      }
      const failed = yield* ending((o) => void o.end("FAILED", { error: "manifest unknown" }))
      expect(failed).toBeInstanceOf(Errors.FailedOperationError)
      expect(failed.message).toContain("manifest unknown")
      expect(yield* ending((o) => void o.end("CANCELLED"))).toBeInstanceOf(Errors.CancelledOperationError)
      const empty = yield* ending((o) => void o.end("SUCCESS"))
      expect(empty).toBeInstanceOf(Errors.FailedOperationError)
      expect(empty.message).toContain("names no image")
      expect(fake.named("cancelOperation")).toEqual([])
    }))

  it.effect("a service without events of imports is polled", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onImport = (o) => {
        for (let i = 0; i < 8; i++) {
          o.connections.push({ refuse: new Errors.NotFoundError({ method: "operationEvents", status: 404 }) })
        }
      }
      const fiber = yield* Effect.fork(over(fake, (i) => i.importFrom("busybox")))
      yield* fake.awaitCalls("importImage")
      for (let i = 0; i < 20; i++) yield* TestClock.adjust("1 second")
      fake.operations[0]!.settle("SUCCESS", { image: imageId(9) })
      for (let i = 0; i < 10; i++) yield* TestClock.adjust("1 second")
      expect((yield* Fiber.join(fiber)).id.value).toBe(imageId(9))
    }))
})

describe("an import that is not waited for to its end", () => {
  const quiet = (fake: Fake) => {
    fake.onImport = (o) => void o.emit("init", {}, 0)
    return fake
  }

  it.effect("is cancelled when its program is interrupted, or waitTimeout passes", () =>
    Effect.gen(function*() {
      const fake = quiet(makeFake())
      const one = yield* Effect.fork(over(fake, (i) => i.importFrom("busybox")))
      yield* fake.awaitCalls("operationEvents")
      yield* Fiber.interrupt(one)
      expect(fake.operations[0]!.status).toBe("CANCELLED")
      const two = yield* Effect.fork(Effect.flip(over(fake, (i) => i.oci("busybox", { waitTimeout: "1 minute" }))))
      yield* fake.awaitCalls("operationEvents", 2)
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(two)
      expect(error).toMatchObject({ _tag: "OperationTimedOutError", operationId: fake.operations[1]!.id })
      expect(error.message).toContain("the import is cancelled")
      expect(fake.named("cancelOperation").length).toBe(2)
    }))

  it.effect("its request is waited for, and then it is cancelled", () =>
    Effect.gen(function*() {
      const fake = quiet(makeFake())
      const answer = yield* Deferred.make<void>()
      fake.before.set("importImage", Deferred.await(answer))
      const fiber = yield* Effect.fork(over(fake, (i) => i.importFrom("busybox")))
      yield* fake.awaitCalls("importImage")
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.yieldNow()
      expect(fake.named("cancelOperation")).toEqual([])
      yield* Deferred.succeed(answer, undefined)
      const exit = yield* Fiber.join(interrupting)
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(fake.operations[0]!.status).toBe("CANCELLED")
    }))

  it.effect("after 10 seconds without an answer it is given up, and that is logged", () =>
    Effect.gen(function*() {
      const fake = quiet(makeFake())
      fake.before.set("importImage", Effect.never)
      const logs: Array<unknown> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void logs.push(message)))
      const fiber = yield* Effect.fork(over(fake, (i) => i.importFrom("busybox")).pipe(Effect.provide(logger)))
      yield* fake.awaitCalls("importImage")
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("9 seconds")
      expect(interrupting.unsafePoll()).toBeNull()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interrupting)
      expect(String(logs[0])).toContain("An import may go on")
    }))

  it.effect("no more imports at once than configured; a run is no import", () =>
    Effect.gen(function*() {
      const fake = quiet(makeFake({ concurrency: { runs: 1, imports: 2, uploads: 1 } }))
      const all = yield* Effect.fork(
        over(fake, (i) => Effect.all(["a", "b", "c"].map((name) => i.importFrom(name)), { concurrency: "unbounded" }))
      )
      yield* fake.awaitCalls("operationEvents", 2)
      for (let n = 0; n < 50; n++) yield* Effect.yieldNow()
      expect(requests(fake).length).toBe(2)
      fake.operations[0]!.end("SUCCESS", { image: imageId(1) })
      yield* fake.awaitCalls("importImage", 3)
      yield* fake.awaitCalls("operationEvents", 3)
      for (const operation of fake.operations.slice(1)) operation.end("SUCCESS", { image: imageId(2) })
      expect((yield* Fiber.join(all)).map((image) => image.id.value)).toEqual([1, 2, 2].map(imageId))
    }))
})

describe("once the layer is closed", () => {
  const close = (fake: Fake) => RunGate.rootOf(fake.api).close
  const uses: Readonly<Record<string, (images: Images.Service) => Effect.Effect<unknown, Errors.ImportError>>> = {
    ...Object.fromEntries(names.map((name) => [name, (images: Images.Service) => images[name]("busybox")] as const)),
    importFrom: (images) => images.importFrom("busybox"),
    importStream: (images) => Stream.runDrain(images.importStream("busybox")),
    pull: (images) => images.pull("docker://docker.io/library/x"),
    "pull by tag": (images) => images.pull("x")
  }

  it.effect("nothing is looked up and nothing imported, and every method says why", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const images = yield* over(fake, Effect.succeed)
      yield* close(fake)
      for (const [name, use] of Object.entries(uses)) {
        const error = yield* Effect.flip(use(images))
        expect([name, error._tag, error.message]).toEqual([
          name,
          "DisposableImageRunError",
          expect.stringContaining("layer")
        ])
      }
      expect(fake.calls).toEqual([])
    }))

  it.effect("what waits for its turn, or for the answer to its request, says so too, and is cancelled", () =>
    Effect.gen(function*() {
      const fake = makeFake({ concurrency: { runs: 1, imports: 1, uploads: 1 } })
      const answer = yield* Deferred.make<void>()
      fake.before.set("importImage", Deferred.await(answer))
      fake.onImport = (o) => void o.emit("init", {}, 0)
      const [first, second] = yield* Effect.all(
        ["a", "b"].map((name) => Effect.fork(Effect.flip(over(fake, (i) => i.importFrom(name)))))
      )
      yield* fake.awaitCalls("importImage")
      const closing = yield* Effect.fork(close(fake))
      yield* Effect.yieldNow()
      expect(closing.unsafePoll()).toBeNull()
      yield* Deferred.succeed(answer, undefined)
      for (const fiber of [first!, second!]) {
        expect(yield* Fiber.join(fiber)).toBeInstanceOf(Errors.DisposableImageRunError)
      }
      yield* Fiber.join(closing)
      expect(fake.operations.map((o) => o.status)).toEqual(["CANCELLED"])
    }))
})

describe("importStream", () => {
  it.effect("tells what the wire tells: statuses, every event, and the image", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onImport = (o) => {
        o.status = "PENDING"
      }
      const told: Array<Images.Progress> = []
      const fiber = yield* Effect.fork(over(fake, (i) =>
        Stream.runForEach(i.importStream("busybox:1"), (step) =>
          Effect.sync(() => void told.push(step)))))
      yield* fake.awaitCalls("operationEvents")
      yield* fake.awaitCalls("getOperation")
      yield* TestClock.adjust("4 seconds")
      const operation = fake.operations[0]!
      operation.status = "EXECUTING"
      yield* TestClock.adjust("2 seconds")
      operation.emit("layer-pulled", { digest: "d", size: 3 }, null)
      yield* TestClock.adjust("2 seconds")
      operation.end("SUCCESS", { image: imageId(4) })
      yield* Fiber.join(fiber)
      expect(told.every((step) =>
        step.operationId === operation.id
      )).toBe(true)
      expect(
        told.filter((step) => step._tag !== "Event" || step.event._tag !== "completion").map((step) => [
          step._tag,
          Duration.toSeconds(step.elapsed),
          step._tag === "Status" ? step.status : step._tag === "Event" ? [step.event._tag, step.event.data] : undefined
        ])
      ).toEqual([
        ["Accepted", 0, undefined],
        ["Status", 0, "Pending"],
        ["Status", 6, "Executing"],
        ["Event", 6, ["Unknown", { digest: "d", size: 3 }]],
        ["Imported", 8, undefined]
      ])
      const last = told.at(-1)!
      expect(last._tag === "Imported" && [last.image.id.value, Option.getOrNull(last.image.tag)]).toEqual([
        imageId(4),
        "busybox:1"
      ])
    }))

  it.effect("leaving it cancels the import; it can be run again", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      fake.onImport = (o) => void o.emit("init", {}, 0)
      const images = yield* over(fake, Effect.succeed)
      const stream = images.importStream("busybox")
      for (const run of [1, 2]) {
        const seen = yield* Stream.runCollect(Stream.take(stream, 1))
        expect(Chunk.toReadonlyArray(seen).map((step) => step._tag)).toEqual(["Accepted"])
        expect(fake.named("cancelOperation").length).toBe(run)
      }
      const late = yield* Effect.fork(
        Effect.flip(Stream.runDrain(images.importStream("busybox", { waitTimeout: "1 second" })))
      )
      yield* fake.awaitCalls("operationEvents")
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(late)).toBeInstanceOf(Errors.OperationTimedOutError)
      expect(fake.named("cancelOperation").length).toBe(3)
    }))
})

describe("pull, as Python had it", () => {
  it.effect("goes by the look of its argument", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      for (const tag of ["library/x", "x", "docker.io/x"]) fake.tags.set(tag, imageId(fake.tags.size + 1))
      const pulled = (ref: string, options?: Parameters<Images.Service["pull"]>[1]) =>
        Effect.map(over(fake, (i) => i.pull(ref, options)), (image) => image.id.value)
      expect(yield* pulled(imageId(50))).toBe(imageId(50))
      expect(yield* pulled("library/x")).toBe(imageId(1))
      expect(yield* pulled("x")).toBe(imageId(2))
      expect(yield* pulled("docker.io/x")).toBe(imageId(3))
      expect(yield* Effect.flip(pulled("y"))).toBeInstanceOf(Errors.NotFoundError)
      expect(yield* Effect.flip(pulled("not a tag"))).toBeInstanceOf(Errors.InvalidReferenceError)
      expect(requests(fake)).toEqual([])
      yield* pulled("docker://docker.io/library/x", { newTag: "new" })
      yield* pulled("x", { username: "u", password: Redacted.make("p") })
      yield* over(fake, (i) =>
        i.pull({ _tag: "Oci", registry: "r.io", repository: "z", tag: Option.none(), digest: Option.none() }))
      expect(requests(fake).map((request) => [request.registry.url, request.tag])).toEqual([
        ["docker://docker.io/library/x", "new"],
        ["docker://docker.io/library/x", "x"],
        ["docker://r.io/z", "r.io/z"]
      ])
    }))
})

describe("credentials", () => {
  const options = { username: "alice", password: Redacted.make("hunter2hunter2") }
  const shown = (value: unknown): string =>
    [String(value), inspect(value, { depth: 20 }), JSON.stringify(value) ?? ""].join("\n")

  it.effect("are in no error, log or event, whatever the server repeats", () =>
    Effect.gen(function*() {
      const words = `login of alice:hunter2hunter2 (${Buffer.from("alice:hunter2hunter2").toString("base64")}) failed`
      const logs: Array<unknown> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make((entry) => void logs.push(entry.message)))
      const seen: Array<unknown> = []
      const attempt = (fake: Fake) =>
        Effect.gen(function*() {
          const exit = yield* Effect.exit(over(fake, (i) =>
            i.importStream("registry.test/app", options).pipe(
              Stream.runForEach((step) => Effect.sync(() => void seen.push(step)))
            )))
          expect(Exit.isFailure(exit)).toBe(true)
          seen.push(exit, Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "")
          const error = yield* Effect.flip(over(fake, (i) => i.importFrom("registry.test/app", options)))
          expect(error.message).toContain("<redacted>")
          expect(error.message).not.toContain("hunter2")
          seen.push(error)
        }).pipe(Effect.provide(logger))
      const failing = makeFake()
      failing.onImport = (o) => void o.emit("auth", { deep: [{ said: words }] }, null).end("FAILED", { error: words })
      yield* attempt(failing)
      const refusing = makeFake()
      const refusal = () => new Errors.BadRequestError({ method: "importImage", status: 400, description: words })
      refusing.failures.set("importImage", [refusal(), refusal()])
      yield* attempt(refusing)
      const stuck = makeFake()
      stuck.onImport = (o) => void o.emit("init", {}, 0)
      stuck.failures.set("cancelOperation", [
        new Errors.ServerError({ method: "cancelOperation", status: 500, description: words })
      ])
      const fiber = yield* Effect.fork(
        over(stuck, (i) => i.importFrom("registry.test/app", options)).pipe(Effect.provide(logger))
      )
      yield* stuck.awaitCalls("operationEvents")
      yield* Fiber.interrupt(fiber)
      expect(logs.map(String).join()).toContain("The import may go on")
      for (const value of [...seen, ...logs]) {
        expect(shown(value)).not.toMatch(/hunter2|alice|YWxpY2U6/)
      }
      expect(seen.map(shown).join()).toContain("<redacted>")
    }))
})

import { describe, expect, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Layer, Option, Redacted } from "effect"
import { Command, Contree, Ids, Images, Operations } from "effect-contree"
import { imageId, uuid } from "../support/fakeApi.js"
import { json, stub } from "../support/httpStub.js"

const id = Ids.OperationId.make(uuid(7))

/** the services over answers that are given one after the other */
const over = (...answers: ReadonlyArray<unknown>) => {
  const client = stub((index) => json(200, answers[Math.min(index, answers.length - 1)]))
  const layer = Contree.layer({ token: Redacted.make("t"), baseUrl: "http://service.test" }).pipe(
    Layer.provide(client.layer)
  )
  return { client, layer }
}

describe("what the wire says is kept", () => {
  it.effect("of an image in a list: when it was made, and by what", () =>
    Effect.gen(function*() {
      const { layer } = over({
        images: [
          { uuid: imageId(1), tag: "a", created_at: "2024-01-01T12:00:00+02:00", operation_uuid: id },
          { uuid: imageId(2), tag: null, operation_uuid: null }
        ]
      })
      const [first, second] = yield* Effect.flatMap(Images.Images, (all) => all.list()).pipe(Effect.provide(layer))
      expect(Option.map(first!.createdAt, DateTime.formatIso)).toEqual(Option.some("2024-01-01T10:00:00.000Z"))
      expect(first!.operationId).toEqual(Option.some(id))
      expect([second!.createdAt, second!.operationId]).toEqual([Option.none(), Option.none()])
    }))

  it.effect("of a line that was found: where it is in the file, and what of it matched", () =>
    Effect.gen(function*() {
      const match = {
        path: "f",
        line_number: 3,
        absolute_offset: 12,
        line_text: "\u00e9 two two\n",
        line_bytes: 11,
        submatches: [{ text: "two", start: 3, end: 6 }, { text: "two", start: 7, end: 10 }],
        type: "match"
      }
      const { layer } = over({ path: "/", patterns: ["two", "x"], matches: [match], truncated: false })
      const result = yield* Effect.flatMap(Images.Images, (all) =>
        Effect.flatMap(all.use(imageId(1)), (image) => image.grep(["two", "x"]))).pipe(Effect.provide(layer))
      expect(result).toEqual({
        path: "/",
        patterns: ["two", "x"],
        matches: [{
          path: "f",
          lineNumber: 3,
          absoluteOffset: 12,
          lineText: "\u00e9 two two\n",
          lineBytes: 11,
          submatches: match.submatches,
          type: "match"
        }],
        truncated: false
      })
    }))

  it.effect("of an operation: all of it, and of a run that goes on what it has written", () =>
    Effect.gen(function*() {
      const running = {
        uuid: id,
        kind: "instance",
        status: "EXECUTING",
        created_at: "2026-09-18T08:01:19.911863Z",
        duration: null,
        image_size: 4096,
        consumed_cpu: 0.25,
        consumed_memory: 7800,
        image_uuid: imageId(1),
        metadata: {
          command: "env",
          image: imageId(1),
          env: { KEY: "a secret" },
          result: {
            state: { exit_code: -1, signal: -1, pid: 7, timed_out: false, core_dump: false },
            resources: { user_cpu_time: 1.5, system_cpu_time: 0.5, max_rss: 900, page_faults: 3, swaps: -1, cost: 2 },
            stdout: { value: "so far", encoding: "ascii" },
            stderr: { value: "/w==", encoding: "base64", truncated: true }
          }
        }
      }
      const { client, layer } = over(running, {
        ...running,
        status: "SUCCESS",
        duration: 1.5,
        result: { image: imageId(3), tag: "t" }
      })
      const [live, ended] = yield* Effect.flatMap(
        Operations.Operations,
        (all) => Effect.all([all.get(id, { inflight: true }), all.get(id)])
      ).pipe(Effect.provide(layer))
      expect(client.urls.map((url) => new URL(url).search)).toEqual(["?inflight=1", ""])
      expect([live.imageSize, live.consumedMemory, Option.map(live.consumedCpu, Duration.toMillis)]).toEqual([
        Option.some(4096),
        Option.some(7800),
        Option.some(250)
      ])
      const run = Option.getOrThrow(live.run)
      expect([run.exit, run.pid]).toEqual([{ _tag: "Unknown" }, Option.some(7)])
      expect(Option.map(run.stdout, ({ text, truncated }) => [text, truncated])).toEqual(Option.some(["so far", false]))
      expect(Option.map(run.stderr, ({ bytes, truncated }) => [[...bytes], truncated])).toEqual(
        Option.some([[255], true])
      )
      const used = Option.getOrThrow(run.resources)
      expect([Duration.toMillis(used.userCpu), used.maxRss, used.pageFaults, used.swaps, used.signals]).toEqual([
        1500,
        900,
        Option.some(3),
        Option.none(),
        Option.none()
      ])
      expect(run.cost).toEqual(Option.some(2))
      // the values of variables are shown to whoever asks for them, and to no log
      expect(JSON.stringify(live)).not.toContain("a secret")
      expect(Redacted.value(live.request)).toEqual({ command: "env", image: imageId(1), env: { KEY: "a secret" } })
      expect([ended.resultTag, ended.resultImage]).toEqual([Option.some("t"), Option.some(imageId(3))])
    }))

  it.effect("a variable that is taken away goes out as null", () =>
    Effect.gen(function*() {
      const client = stub((index) => index === 0 ? json(201, { uuid: id }) : json(404, { error: "gone" }))
      const layer = Contree.layer({ token: Redacted.make("t"), baseUrl: "http://service.test" }).pipe(
        Layer.provide(client.layer)
      )
      yield* Effect.scoped(Effect.flatMap(Images.Images, (all) =>
        Effect.flatMap(all.use(imageId(1)), (image) =>
          image.start(Command.exec("env"), { env: { KEPT: null, A: "1", NOT: undefined } })))).pipe(
          Effect.provide(layer)
        )
      const body = client.requests[0]?.body
      const sent = body?._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(body.body)) : undefined
      expect(sent.env).toEqual({ KEPT: null, A: "1" })
    }))
})

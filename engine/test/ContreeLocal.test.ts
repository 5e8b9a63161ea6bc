import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Redacted, Stream } from "effect"
import { Command, ContreeApi, Images } from "effect-contree"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as ContreeLocal from "../src/ContreeLocal.js"
import { eventually } from "./box/BoxFixture.js"
import * as Local from "./support/LocalEngine.js"

/** the answer to who follows this operation, of which nothing has been read */
const pausedLog = ({ token, url }: Local.Client, id: string): Promise<Http.IncomingMessage> =>
  new Promise((resolve, reject) =>
    Http.get(
      `${url}/v1/operations/${id}/events?follow=1`,
      { agent: false, headers: { authorization: `Bearer ${token}` } },
      (answer) => resolve(answer.pause())
    ).once("error", reject)
  )

describe("ContreeLocal.layer", () => {
  it.scopedLive("gives a program the SDK on an engine of its own", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const program = Effect.gen(function*() {
        const images = yield* Images.Images
        const base = yield* images.use("busybox:latest")
        const built = yield* base.run(Command.shell`mkdir /data && echo ${"it's quoted"} > /data/a`, {
          disposable: false
        })
        const results = yield* Effect.forEach(
          ["sort /data/a", "wc -c /data/a"],
          (script) => built.image.run(Command.shell(script)),
          { concurrency: "unbounded" }
        )
        return results.map((result) => result.stdout.text)
      })
      const texts = yield* Effect.provide(program, ContreeLocal.layer({ store }))
      expect(texts).toEqual(["it's quoted\n", "12 /data/a\n"])
      expect(Local.traces(store)).toEqual([])
    }))

  it.scoped("runs in real time under a test's clock", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const types = yield* Effect.gen(function*() {
        const api = yield* ContreeApi.ContreeApi
        const id = yield* api.spawnInstance({ command: "sleep", args: ["100"], image: "tag:busybox", timeout: 1 })
        return yield* api.operationEvents(id, { follow: true }).pipe(
          Stream.map((event) => event.type),
          Stream.runCollect
        )
      }).pipe(Effect.provide(ContreeLocal.layer({ store })))
      expect(Chunk.toReadonlyArray(types).at(-1)).toBe("completion")
      expect(Local.traces(store)).toEqual([])
    }))
})

describe("ContreeLocal.layerServer", () => {
  it.scopedLive("leaves no process, mount, socket or folder when it closes with runs in flight", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const { client, close } = yield* Local.closable(store)
      const ids = yield* Effect.promise(() =>
        Promise.all([
          client.spawn({ command: "sleep 100 & sleep 100 & trap '' TERM INT HUP; while :; do :; done", shell: true }),
          client.spawn({ command: "while :; do echo x; done", shell: true }),
          client.spawn({ command: "while :; do date >> /f; done", shell: true }),
          client.spawn({ command: "cat", stdin: { value: "", close: false } })
        ])
      )
      const followers = yield* Effect.promise(() =>
        Promise.all(ids.map((id) => client.follow(`/v1/operations/${id}/events?follow=1`)))
      )
      yield* Effect.promise(() =>
        Promise.all(followers.map((follower) => follower.until((text) => text.includes("event: spawn"))))
      )
      expect(Local.traces(store, ids).length).toBeGreaterThan(8)
      yield* close
      expect(Local.traces(store, ids)).toEqual([])
      for (const follower of followers) {
        // who follows reads the end before the connection goes
        expect(yield* Effect.promise(() => follower.end)).toBe(true)
        expect(Local.eventsOf(follower.text()).at(-1)).toMatchObject({
          type: "completion",
          data: { status: "FAILED", error: "engine stopped" }
        })
      }
      const refused = yield* Effect.exit(Effect.tryPromise(() => client.call("GET", "/v1/whoami")))
      expect(Exit.isFailure(refused)).toBe(true)
      const again = yield* Local.startOn(store)
      yield* Effect.promise(async () => {
        for (const id of ids) {
          const operation = (await again.call("GET", `/v1/operations/${id}`)).json
          expect(operation).toMatchObject({ status: "FAILED", error: "engine stopped", result_image_uuid: null })
        }
        const events = Local.eventsOf((await again.call("GET", `/v1/operations/${ids[1]}/events`)).text)
        expect(events.at(-1)!.type).toBe("completion")
        expect((await again.run({ command: "true" })).status).toBe("SUCCESS")
      })
    }))

  it.scopedLive("closes once a slow reader has had the end of its log, and does not wait for one that reads nothing", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const { client, close } = yield* Local.closable(store)
      const ids = yield* Effect.promise(() =>
        // more than all buffers between the two hold
        Promise.all([0, 1].map(() =>
          client.spawn({ command: "seq 1 1000000; sleep 100", shell: true, truncate_output_at: 8_000_000 })
        ))
      )
      yield* Effect.forEach(ids, (id) =>
        Effect.promise(() => client.call("GET", `/v1/operations/${id}/events`)).pipe(
          Effect.repeat({ until: ({ text }) => text.length > 6_800_000 })
        ))
      const [slow, dead] = yield* Effect.promise(() => Promise.all(ids.map((id) => pausedLog(client, id))))
      const closing = yield* Effect.fork(close)
      // once nobody is let in any more
      yield* Effect.promise(() => client.call("GET", "/v1/whoami")).pipe(Effect.forever, Effect.sandbox, Effect.ignore)
      slow!.resume()
      const text = yield* Effect.promise(() => slow!.toArray())
      expect(slow!.complete).toBe(true)
      expect(Local.eventsOf(Buffer.concat(text).toString()).at(-1)).toMatchObject({ type: "completion" })
      yield* Fiber.join(closing)
      const rest = yield* Effect.exit(Effect.tryPromise(() => dead!.toArray()))
      expect([Exit.isFailure(rest), dead!.complete]).toEqual([true, false])
    }))

  it.scopedLive("closes while requests and starts are going on, and begins no run after", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const { client, close } = yield* Local.closable(store)
      const attempts = Array.from({ length: 12 }, () =>
        client.spawn({ command: "sleep", args: ["100"] }).catch(() => undefined))
      yield* eventually("one has begun", () =>
        Fs.readdirSync(`${store}/events`).length > 0)
      yield* close
      yield* Effect.promise(() => Promise.all(attempts))
      expect(Local.traces(store)).toEqual([])
      const again = yield* Local.startOn(store)
      const { json } = yield* Effect.promise(() => again.call("GET", "/v1/operations"))
      for (const operation of json) expect(operation).toMatchObject({ status: "FAILED", error: "engine stopped" })
    }))

  it.scopedLive("two on one store run side by side, and see each other's images", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const [one, two] = yield* Effect.all([Local.startOn(store), Local.startOn(store)], { concurrency: 2 })
      yield* Effect.promise(async () => {
        const made = await Promise.all(
          [one, two, one, two].map((engine, i) => engine.run({ command: `echo ${i} > /f`, shell: true }))
        )
        const ids = made.map((operation) => operation.result_image_uuid)
        expect(new Set(ids).size).toBe(4)
        for (const engine of [one, two]) {
          const texts = await Promise.all(
            ids.map((id) => engine.run({ command: "cat", args: ["/f"], image: id, disposable: true }))
          )
          expect(texts.map((operation) => operation.metadata.result.stdout.value)).toEqual(["0\n", "1\n", "2\n", "3\n"])
        }
        expect((await one.call("GET", "/v1/whoami", { token: two.token })).status).toBe(401)
      })
    }))

  it.scopedLive("is a stated error where it cannot be, and shows no token", () =>
    Effect.gen(function*() {
      const folder = yield* Local.storeFolder
      Fs.writeFileSync(`${folder}/file`, "")
      const error = yield* Effect.flip(Effect.scoped(Effect.provide(
        ContreeLocal.Server,
        ContreeLocal.layerServer({ store: `${folder}/file` })
      )))
      expect([error._tag, error.reason]).toEqual(["EngineError", "StoreUnusable"])
      const address = yield* Effect.provide(ContreeLocal.Server, ContreeLocal.layerServer({ store: `${folder}/store` }))
      expect(`${JSON.stringify(address)} ${String(address.token)}`).not.toContain(Redacted.value(address.token))
    }))

  it.scopedLive("can be interrupted while it starts", () =>
    Effect.gen(function*() {
      const folder = yield* Local.storeFolder
      for (const millis of [0, 5, 20, 60, 120, 250]) {
        const fiber = yield* Effect.fork(Effect.scoped(Effect.zipRight(Local.startOn(folder), Effect.never)))
        yield* Effect.sleep(millis)
        yield* Fiber.interrupt(fiber)
        expect(Local.traces(folder)).toEqual([])
      }
      const client = yield* Local.startOn(folder)
      expect((yield* Effect.promise(() => client.run({ command: "true" }))).status).toBe("SUCCESS")
    }))
})

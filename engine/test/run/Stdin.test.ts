import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { createHash, randomBytes } from "node:crypto"
import * as Http from "node:http"
import { bytesOf, eventsOf, LocalEngine, outputOf, promise } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"

const nowhere = "01234567-89ab-4def-8123-456789abcdef"
const mebibyte = 1024 * 1024
const idleMillis = 2_500
const keepAliveMillis = 500

const withEngine = (use: (engine: Local.Engine) => Promise<void>) =>
  Effect.flatMap(LocalEngine, (engine) => promise(() => use(engine)))

const base64 = (bytes: Uint8Array, close = false): object => ({
  value: Buffer.from(bytes).toString("base64"),
  encoding: "base64",
  close
})

const feed = (engine: Local.Client, id: string, body: object | string, spid = 1): Promise<Local.Answer> =>
  engine.call("POST", `/v1/operations/${id}/subprocesses/${spid}/stdin`, { body })

/** A run whose command is up. */
const begin = async (
  engine: Local.Client,
  request: object
): Promise<{ readonly id: string; readonly events: Local.Follower }> => {
  const id = await engine.spawn({ disposable: true, stdin: { value: "", close: false }, ...request })
  const events = await engine.follow(`/v1/operations/${id}/events?follow=1`)
  await events.until((text) => text.includes("event: spawn"))
  return { id, events }
}

const said = (text: string): string =>
  outputOf(eventsOf(text.slice(0, text.lastIndexOf("\n\n") + 2)), "stdout").toString()

layer(Local.layer({ idleMillis, keepAliveMillis }), { timeout: "5 minutes" })("open input", (it) => {
  describe("of a command", () => {
    it.effect("reaches it while it runs, and what it answers comes back", () =>
      withEngine(async (engine) => {
        const { events, id } = await begin(engine, { command: "cat", stdin: { value: "first,", close: false } })
        await events.until((text) => said(text) === "first,")
        expect([(await feed(engine, id, { value: "second," })).status]).toEqual([204])
        await events.until((text) => said(text) === "first,second,")
        const last = await feed(engine, id, base64(new Uint8Array([0, 255, 10]), true))
        expect([last.status, last.text]).toEqual([204, ""])
        expect(await events.end).toBe(true)
        const all = eventsOf(events.text())
        const given = all.filter(({ type }) => type === "stdin")
        expect(given.map(({ spid }) => spid)).toEqual([1, 1, 1])
        expect(Buffer.concat(given.map(({ data }) => bytesOf(data)))).toEqual(outputOf(all, "stdout"))
        // what it answers comes after what it was given
        const order = all.filter(({ type }) => type === "stdin" || type === "stdout").map(({ type }) => type)
        expect(order.slice(0, 2)).toEqual(["stdin", "stdout"])
      }))

    it.effect("takes any bytes, far more than a pipe holds, whole and in order", () =>
      withEngine(async (engine) => {
        const content = randomBytes(5 * mebibyte + 1)
        const { events, id } = await begin(engine, { command: "sleep 0.2; sha256sum", shell: true })
        // both at once: one waits for the other, and they do not mix
        const [one, two] = [content.subarray(0, 3 * mebibyte), content.subarray(3 * mebibyte)]
        const first = feed(engine, id, base64(one))
        await events.until((text) => text.includes("event: stdin"))
        const answers = await Promise.all([first, feed(engine, id, base64(two, true))])
        expect(answers.map(({ status }) => status)).toEqual([204, 204])
        const { metadata } = await engine.ended(id)
        expect(metadata.result.stdout.value.split(" ")[0]).toBe(createHash("sha256").update(content).digest("hex"))
      }))

    it.effect("that it does not read waits, longer than the idle limit, and holds up nobody else", () =>
      withEngine(async (engine) => {
        const { events, id } = await begin(engine, {
          command: "while [ ! -e /go ]; do sleep 0.1; done; wc -c",
          shell: true
        })
        let answered = false
        const blocked = feed(engine, id, base64(new Uint8Array(mebibyte), true)).finally(() => {
          answered = true
        })
        expect((await engine.run({ command: "echo", args: ["free"], disposable: true })).status).toBe("SUCCESS")
        const keepAlives = Math.ceil((2 * idleMillis) / keepAliveMillis)
        await events.until((text) => text.split(": keepalive").length > keepAlives)
        expect(answered).toBe(false)
        await engine.call("POST", `/v1/operations/${id}/subprocesses`, { body: { command: "touch", args: ["/go"] } })
        expect((await blocked).status).toBe(204)
        await events.end
        expect(said(events.text())).toBe(`${mebibyte}\n`)
      }))

    it.effect("that nobody will ever read is no failure: the request ends with the command", () =>
      withEngine(async (engine) => {
        const { events, id } = await begin(engine, {
          command: "trap 'exit 0' TERM; echo ready; sleep 1000 & wait",
          shell: true
        })
        await events.until((text) => said(text) === "ready\n")
        const feeding = feed(engine, id, base64(new Uint8Array(mebibyte)))
        await events.until((text) => text.includes("event: stdin"))
        await engine.call("DELETE", `/v1/operations/${id}/subprocesses/1?signal=TERM`)
        expect((await feeding).status).toBe(204)
        const late = await feed(engine, id, { value: "x" })
        expect([late.status, late.json.status]).toEqual([409, 409])
        expect((await engine.ended(id)).metadata.result.state.exit_code).toBe(0)
      }))

    it.effect("is left when the client goes away, and taken up by the next", () =>
      withEngine(async (engine) => {
        const { events, id } = await begin(engine, {
          command: "while [ ! -e /go ]; do sleep 0.02; done; wc -c",
          shell: true
        })
        const body = JSON.stringify(base64(new Uint8Array(8 * mebibyte)))
        const sent = Http.request({
          host: "127.0.0.1",
          port: engine.port,
          method: "POST",
          path: `/v1/operations/${id}/subprocesses/1/stdin`,
          headers: { authorization: `Bearer ${engine.token}` }
        })
        sent.on("error", () => {})
        sent.end(body)
        await events.until((text) => text.includes("event: stdin"))
        sent.destroy()
        // whoever is cancelled with it would never be answered
        const next = feed(engine, id, base64(Buffer.from("x"), true))
        await engine.call("DELETE", `/v1/operations/${id}`)
        expect([204, 409]).toContain((await next).status)
        expect((await engine.ended(id)).status).toBe("CANCELLED")
        const given = eventsOf(events.text()).filter(({ type }) => type === "stdin")
        expect(Buffer.concat(given.map(({ data }) => bytesOf(data))).length).toBeLessThan(2 * mebibyte)
      }))

    it.effect("is logged up to the limit of its streams, and says where it was cut", () =>
      withEngine(async (engine) => {
        const { events, id } = await begin(engine, {
          command: "cat > /dev/null",
          shell: true,
          truncate_output_at: 5,
          stdin: { value: "abc", close: false }
        })
        await feed(engine, id, { value: "defg", close: true })
        await events.end
        const given = eventsOf(events.text()).filter(({ type }) => type === "stdin").map(({ data }) => data)
        expect(given).toEqual([{ value: "abc", encoding: "ascii" }, {
          value: "de",
          encoding: "ascii",
          truncated: true
        }])
      }))
  })

  describe("is refused", () => {
    it.effect("where there is no such operation or process, and where the body is none", () =>
      withEngine(async (engine) => {
        expect((await feed(engine, nowhere, { value: "" })).json).toEqual({ error: "Operation not found", status: 404 })
        const { id } = await begin(engine, { command: "cat" })
        expect((await feed(engine, id, { value: "" }, 2)).status).toBe(404)
        expect((await feed(engine, id, { value: "" }, 0)).status).toBe(404)
        for (const body of [{}, { value: 5 }, { value: "%", encoding: "base64" }, { value: "", encoding: "x" }, "{"]) {
          expect((await feed(engine, id, body)).status, JSON.stringify(body)).toBe(400)
        }
        await engine.call("DELETE", `/v1/operations/${id}`)
        await engine.ended(id)
      }))

    it.effect("once closed, when it never was open, and when the run is over", () =>
      withEngine(async (engine) => {
        const { id } = await begin(engine, { command: "cat; sleep 100", shell: true })
        expect((await feed(engine, id, { value: "", close: true })).status).toBe(204)
        const closed = await feed(engine, id, { value: "x" })
        expect([closed.status, closed.json.error]).toEqual([409, "the input of process 1 is closed"])
        await engine.call("DELETE", `/v1/operations/${id}`)
        await engine.ended(id)
        const over = await feed(engine, id, { value: "x" })
        expect([over.status, over.json.error]).toEqual([409, expect.stringMatching(/has ended/)])
        const never = await begin(engine, { command: "sleep", args: ["100"], stdin: null })
        expect((await feed(engine, never.id, { value: "x" })).status).toBe(409)
        await engine.call("DELETE", `/v1/operations/${never.id}`)
        await engine.ended(never.id)
      }))

    it.effect("before the sandbox is up, with advice when to try again", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({ command: "cat", stdin: { value: "", close: false }, disposable: true })
        const early = await feed(engine, id, { value: "", close: true })
        expect([[204, undefined], [425, "1"]]).toContainEqual([early.status, early.headers["retry-after"]])
        await engine.call("DELETE", `/v1/operations/${id}`)
        await engine.ended(id)
      }))
  })
})

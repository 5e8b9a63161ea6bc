import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import { eventually } from "../box/BoxFixture.js"
import { eventsOf, LocalEngine, outputOf, promise } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"

const nowhere = "01234567-89ab-4def-8123-456789abcdef"
const nanos = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3,9})?Z$/

const withEngine = (use: (engine: Local.Engine) => Promise<void>) =>
  Effect.flatMap(LocalEngine, (engine) => promise(() => use(engine)))

layer(Local.layer(), { timeout: "5 minutes" })("events", (it) => {
  describe("of a run that is over", () => {
    it.effect("are framed to the letter, with the payloads of the wire", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({
          command: "cat; echo oops >&2; exit 3",
          shell: true,
          args: ["a"],
          stdin: { value: "aGk=", encoding: "base64" },
          env: { SHOWN: "1", A_TOKEN: "hidden", GONE: null },
          timeout: 9,
          hostname: "h1"
        })
        await engine.ended(id)
        const answer = await engine.call("GET", `/v1/operations/${id}/events`)
        expect([answer.status, answer.headers["content-type"], answer.headers["cache-control"]]).toEqual([
          200,
          "text/event-stream",
          "no-cache"
        ])
        expect(answer.text.startsWith(": keepalive\n\nid: 0\nevent: init\ndata: {\"id\":0,")).toBe(true)
        expect(answer.text.endsWith("}\n\n")).toBe(true)
        expect(answer.text).not.toContain("hidden")
        const events = eventsOf(answer.text)
        expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index))
        for (const event of events) expect(event.ts).toMatch(nanos)
        const of = (type: string): ReadonlyArray<Local.Event> => events.filter((event) => event.type === type)
        expect([...new Set(events.map(({ spid, type }) => `${type}/${spid}`))].sort()).toEqual([
          "completion/0",
          "exit/1",
          "init/0",
          "shutdown/0",
          "spawn/1",
          "stderr/1",
          "stdin/1",
          "stdout/1"
        ])
        expect(of("init")[0]!.data).toEqual({
          started_at: expect.stringMatching(nanos),
          runtime_path: "contree-local",
          verbose: false,
          init_pid: 1,
          hostname: "h1",
          kernel: expect.any(String),
          machine: expect.any(String),
          boot_id: expect.any(String)
        })
        expect(of("spawn")[0]!.data).toEqual({
          pid: expect.any(Number),
          command: "/bin/sh",
          args: ["-c", "cat; echo oops >&2; exit 3", "a"],
          shell: true,
          cwd: "/",
          uid: 0,
          gid: 0,
          timeout: 9,
          truncate_at: 1_048_576,
          env: {
            PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            HOME: "/root",
            SHOWN: "1",
            A_TOKEN: "<REDACTED>"
          }
        })
        expect(of("stdin").map(({ data }) => data)).toEqual([{ value: "hi", encoding: "ascii" }])
        expect([outputOf(events, "stdout").toString(), outputOf(events, "stderr").toString()]).toEqual(["hi", "oops\n"])
        const exit = of("exit")[0]!.data
        expect(exit).toEqual({
          pid: of("spawn")[0]!.data.pid,
          code: 3,
          signal: -1,
          timed_out: false,
          duration_ms: expect.any(Number),
          resources: expect.any(Object),
          core_dump: false
        })
        expect(Object.keys(exit.resources)).toHaveLength(15)
        for (const value of Object.values(exit.resources)) expect(Number.isInteger(value)).toBe(true)
        expect(of("shutdown")[0]!.data).toEqual({ stopped_at: expect.stringMatching(nanos), reason: "job_complete" })
        expect(events.at(-1)).toMatchObject({
          type: "completion",
          data: {
            status: "SUCCESS",
            duration_ms: expect.any(Number),
            result_image_uuid: expect.any(String),
            image_size_bytes: 0
          }
        })
      }))

    it.effect("resume behind Last-Event-Id, which wins over since, and filter by process", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({ command: "echo", args: ["x"], disposable: true })
        await engine.ended(id)
        const all = eventsOf((await engine.call("GET", `/v1/operations/${id}/events`)).text)
        const last = all.at(-1)!.id
        const ids = async (query: string, headers?: Record<string, string>): Promise<ReadonlyArray<number>> =>
          eventsOf((await engine.call("GET", `/v1/operations/${id}/events?${query}`, { headers })).text).map(({ id }) =>
            id
          )
        const behind = (id: number): ReadonlyArray<number> =>
          all.filter((event) => event.id > id).map((event) => event.id)
        expect(await ids("since=-1")).toEqual(behind(-1))
        expect(await ids("since=1")).toEqual(behind(1))
        expect(await ids("since=1&follow=1")).toEqual(behind(1))
        expect(await ids("since=0", { "last-event-id": "2" })).toEqual(behind(2))
        expect(await ids("", { "last-event-id": String(last) })).toEqual([])
        expect(await ids("since=999&follow=1")).toEqual([])
        const one = all.filter((event) => event.spid === 1 || event.type === "completion").map((event) => event.id)
        expect(await ids("spid=1")).toEqual(one)
        expect(await ids("spid=7")).toEqual([last])
        for (const query of ["since=x", "since=-2", "spid=-1", "follow=2"]) {
          expect((await engine.call("GET", `/v1/operations/${id}/events?${query}`)).status, query).toBe(400)
        }
        const bad = await engine.call("GET", `/v1/operations/${id}/events`, { headers: { "last-event-id": "x" } })
        expect(bad.status).toBe(400)
      }))

    it.effect("are 404 where there is no operation, or no log of it any more", () =>
      withEngine(async (engine) => {
        expect((await engine.call("GET", `/v1/operations/${nowhere}/events`)).json).toEqual({
          error: "Operation not found",
          status: 404
        })
        const id = await engine.spawn({ command: "true", disposable: true })
        await engine.ended(id)
        Fs.unlinkSync(`${engine.store}/events/${id}`)
        expect((await engine.call("GET", `/v1/operations/${id}/events`)).json.error).toMatch(/gone/)
        expect((await engine.call("GET", `/v1/operations/${id}`)).json.metadata.result).toBe(null)
      }))

    it.effect("say in the stream that it broke, and from where to go on, without a path of the host", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({ command: "true", disposable: true })
        await engine.ended(id)
        const path = `${engine.store}/events/${id}`
        Fs.unlinkSync(path)
        // it is there, and cannot be read
        Fs.mkdirSync(path)
        Fs.writeFileSync(`${path}/x`, "")
        const { status, text } = await engine.call("GET", `/v1/operations/${id}/events`)
        expect(status).toBe(200)
        expect(text).toMatch(
          /^: keepalive\n\n: stream ended with error, retry since last event id\nevent: sse_error\ndata: [^\n]*EISDIR[^\n]*\n\n$/
        )
        expect(text).not.toContain(engine.store)
      }))

    it.effect("end with a completion even when the log does not", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({ command: "true", disposable: true })
        await engine.ended(id)
        const path = `${engine.store}/events/${id}`
        // until the engine has let go of its log it knows how far that goes, whatever the file says
        await Effect.runPromise(eventually("the log is closed", () => !Local.traces(engine.store).includes(path)))
        const lines = Fs.readFileSync(path, "utf8").trimEnd().split("\n")
        // a crash in the middle of the last line
        Fs.writeFileSync(path, `${lines.slice(0, -1).join("\n")}\n${lines.at(-1)!.slice(0, 30)}`)
        const events = eventsOf((await engine.call("GET", `/v1/operations/${id}/events?follow=1`)).text)
        expect(events).toHaveLength(lines.length)
        expect(events.at(-1)).toMatchObject({
          id: lines.length - 1,
          type: "completion",
          data: { status: "SUCCESS", duration_ms: expect.any(Number) }
        })
        // the same event each time, its moment too
        const again = eventsOf((await engine.call("GET", `/v1/operations/${id}/events`)).text)
        expect(again).toEqual(events)
      }))
  })

  describe("of a run that goes on", () => {
    it.effect("come as they happen, to any number of followers, and end for all", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({
          command: "echo one; read x; echo two",
          shell: true,
          stdin: { value: "", close: false }
        })
        const path = `/v1/operations/${id}/events`
        const followers = await Promise.all([1, 2, 3].map(() => engine.follow(`${path}?follow=1`)))
        for (const follower of followers) await follower.until((text) => text.includes("\"one\\n\""))
        // without `follow`: what is there, and the end
        const now = eventsOf((await engine.call("GET", path)).text)
        expect(now.map(({ type }) => type)).toEqual(["init", "spawn", "stdout"])
        const partial = (await engine.call("GET", `/v1/operations/${id}?inflight=1`)).json
        expect(partial.status).toBe("EXECUTING")
        expect(partial.metadata.result).toMatchObject({
          resources: null,
          state: { exit_code: -1, signal: -1, timed_out: false },
          stdout: { value: "one\n", encoding: "ascii", truncated: false }
        })
        const plain = await engine.call("GET", `/v1/operations/${id}`)
        expect([plain.json.metadata.result, plain.json.result, plain.headers["retry-after"]]).toEqual([null, null, "1"])
        expect((await engine.call("DELETE", `/v1/operations/${id}`)).status).toBe(202)
        for (const follower of followers) {
          expect(await follower.end).toBe(true)
          expect(eventsOf(follower.text()).at(-1)).toMatchObject({ type: "completion", data: { status: "CANCELLED" } })
        }
      }))

    it.effect("are resumed in the middle without loss or doubling", () =>
      withEngine(async (engine) => {
        const script = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done"
        const id = await engine.spawn({ command: script, shell: true, disposable: true })
        const seen: Array<Local.Event> = []
        while (seen.at(-1)?.type !== "completion") {
          const last = seen.at(-1)
          const follower = await engine.follow(
            `/v1/operations/${id}/events?follow=1`,
            last === undefined ? {} : { "last-event-id": String(last.id) }
          )
          // cut after the first whole frames
          await follower.until((text) => text.includes("\ndata: ") && text.endsWith("\n\n"))
          follower.close()
          seen.push(...eventsOf(follower.text().slice(0, follower.text().lastIndexOf("\n\n"))))
        }
        expect(seen.map(({ id }) => id)).toEqual(seen.map((_, index) => index))
        expect(outputOf(seen, "stdout").toString()).toBe(Array.from({ length: 300 }, (_, i) => `line ${i}\n`).join(""))
      }))

    it.scoped("are followed from another engine on the same store, which cannot cancel it", () =>
      Effect.gen(function*() {
        const engine = yield* LocalEngine
        const other = yield* Local.startOn(engine.store)
        yield* promise(async () => {
          const id = await engine.spawn({ command: "echo one; sleep 100", shell: true })
          const follower = await other.follow(`/v1/operations/${id}/events?follow=1`)
          await follower.until((text) => text.includes("\"one\\n\""))
          const refused = await other.call("DELETE", `/v1/operations/${id}`)
          expect(refused.json).toEqual({ error: expect.stringMatching(/another process/), status: 409 })
          expect((await engine.call("DELETE", `/v1/operations/${id}`)).status).toBe(202)
          expect(await follower.end).toBe(true)
          expect(eventsOf(follower.text()).at(-1)).toMatchObject({ type: "completion", data: { status: "CANCELLED" } })
          expect((await other.call("GET", `/v1/operations/${id}`)).json.status).toBe("CANCELLED")
        })
      }))
  })
})

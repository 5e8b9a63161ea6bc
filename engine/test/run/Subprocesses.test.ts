import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { createHash, randomBytes } from "node:crypto"
import { eventually, isRoot } from "../box/BoxFixture.js"
import { maxSubprocesses } from "../../src/run/Processes.js"
import { bytesOf, eventsOf, LocalEngine, promise } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"

const nowhere = "01234567-89ab-4def-8123-456789abcdef"
const mebibyte = 1024 * 1024

const withEngine = (use: (engine: Local.Engine) => Promise<void>) =>
  Effect.flatMap(LocalEngine, (engine) => promise(() => use(engine)))

interface Run {
  readonly id: string
  readonly events: Local.Follower
  readonly path: string
  readonly exec: (body: object) => Promise<Local.Answer>
  /** asserts 201 */
  readonly begin: (body: object) => Promise<number>
  readonly signal: (spid: number, name?: string) => Promise<number>
  readonly feed: (spid: number, body: object) => Promise<number>
  readonly get: (spid: number) => Promise<Local.Answer>
  /** the result when it has ended */
  readonly ended: (spid: number) => Promise<Local.Json>
  /** all whole events that came by now */
  readonly all: () => ReadonlyArray<Local.Event>
  readonly until: (holds: (events: ReadonlyArray<Local.Event>) => boolean) => Promise<ReadonlyArray<Local.Event>>
  /** ends the command, and with it the run */
  readonly finish: () => Promise<ReadonlyArray<Local.Event>>
}

const whole = (text: string): ReadonlyArray<Local.Event> => eventsOf(text.slice(0, text.lastIndexOf("\n\n") + 2))

/** A run whose command is up, and ends when its input does. */
const start = async (engine: Local.Client, request: object = {}): Promise<Run> => {
  const open = { value: "", close: false }
  const id = await engine.spawn({ command: "cat > /dev/null", shell: true, disposable: true, stdin: open, ...request })
  const events = await engine.follow(`/v1/operations/${id}/events?follow=1`)
  await events.until((text) => text.includes("event: spawn"))
  const path = `/v1/operations/${id}/subprocesses`
  const until: Run["until"] = async (holds) => whole(await events.until((text) => holds(whole(text))))
  const exec: Run["exec"] = (body) => engine.call("POST", path, { body })
  const get: Run["get"] = (spid) => engine.call("GET", `${path}/${spid}`)
  const feed: Run["feed"] = async (spid, body) => (await engine.call("POST", `${path}/${spid}/stdin`, { body })).status
  return {
    id,
    events,
    path,
    exec,
    get,
    feed,
    until,
    begin: async (body) => {
      const answer = await exec(body)
      expect([answer.status, Object.keys(answer.json)], answer.text).toEqual([201, ["spid"]])
      expect(answer.headers["location"]).toBe(`${path}/${answer.json.spid}`)
      return answer.json.spid
    },
    signal: async (spid, name) =>
      (await engine.call("DELETE", `${path}/${spid}${name === undefined ? "" : `?signal=${name}`}`)).status,
    ended: async (spid) => {
      await until((all) => all.some((event) => event.spid === spid && event.type === "exit"))
      return (await get(spid)).json
    },
    all: () => whole(events.text()),
    finish: async () => {
      await feed(1, { value: "", close: true })
      await events.end
      return whole(events.text())
    }
  }
}

const outputOf = (events: ReadonlyArray<Local.Event>, spid: number, type = "stdout"): Buffer =>
  Buffer.concat(events.filter((event) => event.spid === spid && event.type === type).map(({ data }) => bytesOf(data)))

const sh = (command: string, more: object = {}): object => ({ command, shell: true, ...more })

layer(Local.layer(), { timeout: "5 minutes" })("a process beside the command", (it) => {
  describe("shares its sandbox", () => {
    it.effect("files, processes, network, host name and shared memory, and sees nothing of the host", () =>
      withEngine(async (engine) => {
        process.env["CONTREE_TEST_SECRET"] = "hunter2"
        const run = await start(engine, {
          ...sh("echo shared > /made; echo m > /dev/shm/m; exec cat > /dev/null"),
          env: { MINE: "of the run", GONE: "x" },
          cwd: "/tmp",
          hostname: "h2"
        })
        // the command is told of before it has done anything
        const isThere = "until ps -o args | grep -q '^cat'; do :; done"
        const look = sh(
          `${isThere}; cat /made /dev/shm/m; hostname; pwd; echo $MINE $ADDED $GONE; ps -o args | grep -c '^cat'; ` +
            "ls /proc/sys/net/ipv4/conf",
          {
            env: { ADDED: "by it", GONE: null }
          }
        )
        const spid = await run.begin(look)
        expect(spid).toBe(2)
        const { stdout } = await run.ended(spid)
        const expected = ["shared", "m", "h2", "/tmp", "of the run by it", "1"]
        expect(bytesOf(stdout).toString().split("\n").slice(0, 6)).toEqual(expected)
        // as the command itself: the same namespaces, the same powers, no more descriptors
        const state =
          "grep -E '^(Groups|Sig(Blk|Ign)|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status; umask; ulimit -c; " +
          "for n in /proc/self/ns/*; do readlink $n; done; for f in /proc/self/fd/*; do [ -e $f ] && echo ${f##*/}; done"
        const own = await engine.spawn({ ...sh(state), disposable: true, stdin: { value: "x" } })
        const mine = await run.ended(await run.begin(sh(state, { stdin: { value: "x" } })))
        const plain = (await engine.ended(own)).metadata.result
        const lines = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => !line.includes(":["))
        expect(lines(bytesOf(mine.stdout).toString())).toEqual(lines(bytesOf(plain.stdout).toString()))
        const spaces = await run.ended(
          await run.begin(
            sh(
              "for n in mnt uts ipc net pid cgroup user; do readlink /proc/1/ns/$n; readlink /proc/self/ns/$n; done | uniq -u"
            )
          )
        )
        expect(bytesOf(spaces.stdout).toString()).toBe("")
        const search =
          "cat /proc/self/mountinfo /proc/self/cgroup; for p in /proc/[0-9]*; do ls -l $p/fd $p/cwd $p/root $p/exe; " +
          "cat $p/environ $p/cmdline; done | tr '\\0' '\\n'"
        const leaks = await run.ended(
          await run.begin(sh(search, { stdin: { value: "spooled" }, truncate_output_at: 10_000_000 }))
        )
        const seen = bytesOf(leaks.stdout).toString().replaceAll(run.id, "")
        delete process.env["CONTREE_TEST_SECRET"]
        expect(seen).toContain("overlay")
        for (
          const secret of [
            engine.store,
            engine.store.slice(engine.store.lastIndexOf("/") + 1),
            process.cwd(),
            "hunter2"
          ]
        ) {
          expect(seen).not.toContain(secret)
        }
        await run.finish()
      }))

    it.effect("other users need an engine of root", () =>
      withEngine(async (engine) => {
        const run = await start(engine)
        const answer = await run.exec(sh("id -u; id -g; grep CapEff /proc/self/status", { uid: 12, gid: 34 }))
        expect(answer.status).toBe(isRoot ? 201 : 422)
        if (isRoot) {
          const { stdout } = await run.ended(answer.json.spid)
          expect(stdout.value).toBe("12\n34\nCapEff:\t0000000000000000\n")
        }
        await run.finish()
      }))
  })

  describe("is told", () => {
    it.effect("from its start to its end, under its own number in one common order", () =>
      withEngine(async (engine) => {
        const run = await start(engine)
        const spid = await run.begin(sh("cat; echo oops >&2; exit 3", {
          args: ["a"],
          stdin: { value: "hi" },
          env: { A_TOKEN: "hidden" },
          truncate_output_at: 1
        }))
        const result = await run.ended(spid)
        const events = await run.finish()
        expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index))
        const mine = events.filter((event) => event.spid === spid)
        expect(mine.map(({ type }) => type).filter((type) => !/^std/.test(type))).toEqual([
          "spawn",
          "truncated",
          "truncated",
          "exit"
        ])
        expect(mine[0]!.data).toMatchObject({
          command: "/bin/sh",
          args: ["-c", "cat; echo oops >&2; exit 3", "a"],
          shell: true,
          cwd: "/",
          uid: 0,
          gid: 0,
          timeout: 0,
          truncate_at: 1,
          env: { A_TOKEN: "<REDACTED>" }
        })
        expect(outputOf(mine, spid, "stdin").toString()).toBe("h")
        const exit = mine.at(-1)!.data
        expect(exit).toMatchObject({ pid: mine[0]!.data.pid, code: 3, signal: -1, timed_out: false })
        expect(exit.resources.max_rss_kb).toBeGreaterThan(0)
        expect(result).toMatchObject({
          state: { exit_code: 3, signal: -1, pid: exit.pid },
          stdout: { value: "h", encoding: "ascii", truncated: true },
          stderr: { value: "o", encoding: "ascii", truncated: true }
        })
        expect(Object.keys(result.resources)).toHaveLength(16)
        const filtered = await engine.call("GET", `/v1/operations/${run.id}/events?spid=${spid}`)
        expect(eventsOf(filtered.text)).toEqual([...mine, events.at(-1)])
        // still to be asked for
        expect((await run.get(spid)).json).toEqual(result)
        expect((await run.get(1)).json.state).toMatchObject({ exit_code: 0, signal: -1 })
      }))

    it.effect("while it runs, with -1 for what is to come and the output so far", () =>
      withEngine(async (engine) => {
        const run = await start(engine)
        const spid = await run.begin({ command: "cat", stdin: { value: "so far", close: false } })
        await run.until((all) => outputOf(all, spid).toString() === "so far")
        for (const [number, value] of [[spid, "so far"], [1, ""]] as const) {
          const { json, status } = await run.get(number)
          expect([status, json.state.exit_code, json.state.signal, json.stdout.value]).toEqual([200, -1, -1, value])
        }
        await run.finish()
      }))

    it.effect("with all its bytes, however many, and its own input", () =>
      withEngine(async (engine) => {
        const run = await start(engine)
        const content = randomBytes(3 * mebibyte)
        const spid = await run.begin({
          command: "cat",
          truncate_output_at: 10_485_760,
          stdin: { value: "", close: false }
        })
        const encoded = { value: content.toString("base64"), encoding: "base64", close: true }
        expect(await run.feed(spid, encoded)).toBe(204)
        const { stdout } = await run.ended(spid)
        const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")
        expect(sha256(bytesOf(stdout))).toBe(sha256(content))
        expect(await run.feed(spid, { value: "late" })).toBe(409)
        await run.finish()
      }))
  })

  describe("ends", () => {
    it.effect("by a signal, with its whole group", () =>
      withEngine(async (engine) => {
        const run = await start(engine)
        // between its fork and its exec the child has the shell's handler, and would be caught instead of ended
        const isThere = "until ps -o args | grep -q '^sleep 1000'; do :; done"
        const script = `trap 'echo caught; exit 5' TERM; sleep 1000 & ${isThere}; echo ready; wait`
        const spid = await run.begin(sh(script))
        await run.until((all) => outputOf(all, spid).toString() === "ready\n")
        expect(await run.signal(spid, "TERM")).toBe(204)
        expect(await run.ended(spid)).toMatchObject({ state: { exit_code: 5 }, stdout: { value: "ready\ncaught\n" } })
        // signalled together, they die each in its own time
        const isGone = "while ps -o args | grep -q '^sleep 1000'; do :; done"
        const { stdout } = await run.ended(await run.begin(sh(`${isGone}; echo gone`)))
        expect(stdout.value).toBe("gone\n")
        const stubborn = await run.begin(sh("trap '' TERM INT HUP; echo ready; sleep 1000"))
        await run.until((all) => outputOf(all, stubborn).toString() === "ready\n")
        expect(await run.signal(stubborn, "TERM")).toBe(204)
        expect(await run.signal(stubborn)).toBe(204)
        expect((await run.ended(stubborn)).state).toMatchObject({ exit_code: -1, signal: 9 })
        expect(await run.signal(stubborn)).toBe(409)
        expect(await run.signal(stubborn, "SIGTERM")).toBe(400)
        expect(await run.signal(stubborn, "NONSENSE")).toBe(400)
        await run.finish()
      }))

    it.effect("and the command can be ended so too", () =>
      withEngine(async (engine) => {
        const run = await start(engine, { command: "sleep", args: ["1000"], shell: false })
        expect(await run.signal(1, "INT")).toBe(204)
        await run.events.end
        const operation = await engine.ended(run.id)
        expect(operation).toMatchObject({
          status: "SUCCESS",
          metadata: { result: { state: { exit_code: -1, signal: 2 } } }
        })
        expect(await run.signal(1)).toBe(409)
      }))

    it.effect("while those that it left behind go on, and what they say is not taken for its own", () =>
      withEngine(async (engine) => {
        const run = await start(engine)
        const spid = await run.begin(
          sh("(while [ ! -e /go ]; do echo more; sleep 0.02; done; echo x > /alive) & echo done")
        )
        expect((await run.ended(spid)).state.exit_code).toBe(0)
        await run.ended(await run.begin(sh("touch /go; while [ ! -e /alive ]; do sleep 0.02; done")))
        const mine = (await run.finish()).filter((event) => event.spid === spid)
        expect(mine.at(-1)!.type).toBe("exit")
      }))

    it.effect("with the command, before the run does, and nothing it did in between is half an image", () =>
      withEngine(async (engine) => {
        const run = await start(engine, { disposable: false })
        const spid = await run.begin(
          sh("trap '' TERM; while :; do echo x >> /grow; echo out; done", { truncate_output_at: 100 })
        )
        await run.until((all) => outputOf(all, spid).length > 0)
        const events = await run.finish()
        expect(events.filter(({ type }) => type === "exit").map(({ data, spid }) => [spid, data.code, data.signal]))
          .toEqual([
            [spid, -1, 9],
            [1, 0, -1]
          ])
        expect(events.slice(-2).map(({ type }) => type)).toEqual(["shutdown", "completion"])
        const { result_image_uuid: image, status } = await engine.ended(run.id)
        expect(status).toBe("SUCCESS")
        const grown = await engine.call("GET", `/v1/inspect/${image}/download?path=/grow`)
        expect(grown.text).toMatch(/^(x\n)+$/)
        await Effect.runPromise(
          eventually(
            "nothing of it is left",
            () => !Local.traces(engine.store, [run.id]).some((trace) => trace.includes(run.id))
          )
        )
      }))

    it.effect("when the run is cancelled, and says so to whoever asks", () =>
      withEngine(async (engine) => {
        const run = await start(engine)
        const spid = await run.begin({ command: "sleep", args: ["1000"] })
        expect((await engine.call("DELETE", `/v1/operations/${run.id}`)).status).toBe(202)
        await run.events.end
        for (const number of [spid, 1]) {
          expect((await run.get(number)).json.state).toMatchObject({ exit_code: -1, signal: 9 })
        }
        expect(run.all().at(-1)).toMatchObject({ type: "completion", data: { status: "CANCELLED" } })
      }))
  })

  describe("is refused", () => {
    it.effect("where there is no run, none any more, or it is not up yet", () =>
      withEngine(async (engine) => {
        const lost = await engine.call("POST", `/v1/operations/${nowhere}/subprocesses`, { body: { command: "true" } })
        expect(lost.json).toEqual({ error: "Operation not found", status: 404 })
        for (const path of ["/2", "/1"]) {
          expect((await engine.call("GET", `/v1/operations/${nowhere}/subprocesses${path}`)).status).toBe(404)
          expect((await engine.call("DELETE", `/v1/operations/${nowhere}/subprocesses${path}`)).status).toBe(404)
        }
        const early = await engine.spawn({ command: "sleep", args: ["100"], disposable: true })
        const answer = await engine.call("POST", `/v1/operations/${early}/subprocesses`, { body: { command: "true" } })
        expect([[201, undefined], [425, "1"]]).toContainEqual([answer.status, answer.headers["retry-after"]])
        await engine.call("DELETE", `/v1/operations/${early}`)
        await engine.ended(early)
        const run = await start(engine)
        expect([(await run.get(2)).status, await run.signal(2), await run.feed(2, { value: "" })]).toEqual([
          404,
          404,
          404
        ])
        await run.finish()
        const over = await run.exec({ command: "true" })
        expect([over.status, over.json.status, await run.signal(1)]).toEqual([409, 409, 409])
        expect((await run.get(2)).status).toBe(404)
      }))

    it.effect("when nothing can be run of it; what cannot be found is an exit", () =>
      withEngine(async (engine) => {
        const run = await start(engine)
        for (
          const body of [
            {},
            { command: "" },
            { command: "a\0b" },
            { command: "true", args: "x" },
            { command: "true", env: { "A=B": "x" } },
            { command: "true", cwd: "relative" },
            { command: "true", uid: -1 },
            { command: "true", truncate_output_at: 10_485_761 },
            { command: "cat", stdin: { value: "%", encoding: "base64" } }
          ]
        ) {
          expect((await run.exec(body)).status, JSON.stringify(body)).toBe(400)
        }
        expect((await run.ended(await run.begin({ command: "no-such" }))).state.exit_code).toBe(127)
        const folder = await run.ended(await run.begin({ command: "true", cwd: "/nowhere" }))
        expect([folder.state.exit_code, folder.stderr.value]).toEqual([1, expect.stringMatching(/\/nowhere/)])
        await run.finish()
      }))

    it.effect("over the limit, until one of them is gone", () =>
      withEngine(async (engine) => {
        const run = await start(engine)
        const answers = await Promise.all(
          Array.from({ length: maxSubprocesses + 1 }, () => run.exec({ command: "sleep", args: ["1000"] }))
        )
        const statuses = answers.map(({ status }) => status).sort()
        expect(statuses).toEqual([...Array.from({ length: maxSubprocesses }, () => 201), 429])
        expect(answers.find(({ status }) => status === 429)!.headers["retry-after"]).toBe("1")
        const spids = answers.filter(({ status }) => status === 201).map(({ json }) => json.spid)
        expect(new Set(spids).size).toBe(maxSubprocesses)
        await run.signal(spids[0])
        await run.ended(spids[0])
        let status = 429
        while (status === 429) status = (await run.exec({ command: "true" })).status
        expect(status).toBe(201)
        await run.finish()
      }))
  })

  it.effect("closing the engine leaves nothing of it", () =>
    Effect.scoped(Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const { client, close } = yield* Local.closable(store)
      const run = yield* promise(() => start(client))
      yield* promise(() => run.begin(sh("trap '' TERM INT HUP; setsid sleep 1000 & sleep 1000")))
      yield* close
      expect(Local.traces(store, [run.id])).toEqual([])
    })))
})

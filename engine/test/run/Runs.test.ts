import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { eventually, isRoot } from "../box/BoxFixture.js"
import { bytesOf, eventsOf, LocalEngine, outputOf, promise } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"

const withEngine = (use: (engine: Local.Engine) => Promise<void>) =>
  Effect.flatMap(LocalEngine, (engine) => promise(() => use(engine)))

const eventsOfRun = async (engine: Local.Client, id: string): Promise<ReadonlyArray<Local.Event>> =>
  eventsOf((await engine.call("GET", `/v1/operations/${id}/events?follow=1`)).text)

layer(Local.layer({ concurrency: 4 }), { timeout: "5 minutes" })("runs", (it) => {
  it.effect("answer with their id, their place, and the request with its defaults", () =>
    withEngine(async (engine) => {
      const answer = await engine.call("POST", "/v1/instances", {
        body: { command: "true", image: "tag:busybox:latest" }
      })
      expect(answer.status).toBe(201)
      expect(answer.headers.location).toBe(`/v1/operations/${answer.json.uuid}`)
      const { uuid, ...echo } = answer.json
      expect(echo).toEqual({
        command: "true",
        image: "tag:busybox:latest",
        args: [],
        shell: false,
        env: {},
        preserve_env: false,
        cwd: "",
        uid: 0,
        gid: 0,
        hostname: "linuxkit",
        disposable: false,
        stdin: { value: "", encoding: "ascii", close: true },
        timeout: 60,
        truncate_output_at: 1_048_576,
        resources_limits: { max_layer_bytes: 12_884_901_888 },
        networking: { enabled: false },
        files: {},
        result: null
      })
      const operation = await engine.ended(uuid)
      const parent = operation.image_uuid
      expect(operation).toMatchObject({
        uuid,
        kind: "instance",
        status: "SUCCESS",
        error: null,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/),
        duration: expect.any(Number),
        image_size: 0,
        consumed_cpu: expect.any(Number),
        // nothing changed: the image it came from
        result_image_uuid: parent,
        result: { image: parent, tag: null },
        metadata: { ...echo, result: { state: { exit_code: 0, signal: -1, stopped: false, continued: false } } }
      })
      expect(Object.keys(operation.metadata.result.resources)).toHaveLength(16)
      expect(operation.metadata.result.resources.cost).toBe(0)
      expect(operation.consumed_memory).toBe(operation.metadata.result.resources.max_rss)
      const [listed] = (await engine.call("GET", "/v1/operations?status=SUCCESS&kind=instance&limit=1")).json
      expect(listed).toMatchObject({ uuid, status: "SUCCESS", kind: "instance" })
      expect(listed.metadata).toBeUndefined()
      expect((await engine.call("GET", "/v1/operations?status=FAILED")).json).toEqual([])
      expect((await engine.call("GET", "/v1/operations?kind=image_import")).json).toEqual([])
      for (const query of ["status=success", "kind=x", "limit=0"]) {
        expect((await engine.call("GET", `/v1/operations?${query}`)).status).toBe(400)
      }
    }))

  describe("output", () => {
    it.effect("of any bytes, and much of it, arrives whole", () =>
      withEngine(async (engine) => {
        const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
        const stdin = { value: all.toString("base64"), encoding: "base64" }
        const binary = await engine.spawn({ command: "cat", stdin, disposable: true })
        const large = await engine.spawn({
          command: "head -c 3000000 /dev/zero | tr '\\0' 'ü' >&2; printf 'ü'",
          shell: true,
          disposable: true,
          truncate_output_at: 10_485_760
        })
        expect(outputOf(await eventsOfRun(engine, binary), "stdout")).toEqual(all)
        const { result } = (await engine.ended(binary)).metadata
        expect(result.stdout).toEqual({ value: all.toString("base64"), encoding: "base64", truncated: false })
        const events = await eventsOfRun(engine, large)
        expect(outputOf(events, "stderr").length).toBe(3_000_000)
        expect(outputOf(events, "stdout").toString()).toBe("ü")
        for (const event of events) expect(JSON.stringify(event).length).toBeLessThan(100_000)
      }))

    it.effect("is cut at exactly the byte, each stream for itself, and says so", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({
          command: "head -c 1000 /dev/zero; head -c 100 /dev/zero >&2; printf abc; printf later >&2",
          shell: true,
          disposable: true,
          truncate_output_at: 1001
        })
        const events = await eventsOfRun(engine, id)
        const out = outputOf(events, "stdout")
        expect([out.length, out.at(-1), out.at(-2)]).toEqual([1001, 97, 0])
        expect(outputOf(events, "stderr").length).toBe(105)
        const chunks = events.filter(({ type }) => type === "stdout")
        expect(chunks.map(({ data }) => data.truncated)).toEqual([...chunks.slice(1).map(() => undefined), true])
        expect(events.filter(({ type }) => type === "truncated")).toEqual([
          expect.objectContaining({ spid: 1, data: { stream: "stdout", bytes_emitted: 1001, bytes_dropped: 2 } })
        ])
        const { stderr, stdout } = (await engine.ended(id)).metadata.result
        expect([bytesOf(stdout).length, stdout.truncated, stderr.truncated]).toEqual([1001, true, false])
      }))

    it.effect("is not cut when it just fits", () =>
      withEngine(async (engine) => {
        const { metadata: { result } } = await engine.run({ command: "printf", args: ["abcd"], truncate_output_at: 4 })
        expect(result.stdout).toEqual({ value: "abcd", encoding: "ascii", truncated: false })
        const none = await engine.run({ command: "printf", args: ["abcd"], truncate_output_at: 0 })
        expect(none.metadata.result.stdout).toEqual({ value: "", encoding: "ascii", truncated: true })
      }))
  })

  describe("ends", () => {
    it.effect("are told as they were", () =>
      withEngine(async (engine) => {
        const state = async (request: object): Promise<Local.Json> => {
          const { metadata, status } = await engine.run({ disposable: true, ...request })
          expect(status).toBe("SUCCESS")
          const { exit_code, signal, timed_out } = metadata.result.state
          return [exit_code, signal, timed_out]
        }
        expect(await state({ command: "exit 7", shell: true })).toEqual([7, -1, false])
        expect(await state({ command: "no-such-command" })).toEqual([127, -1, false])
        expect(await state({ command: "kill -TERM $$", shell: true })).toEqual([-1, 15, false])
      }))

    it.effect("by timeout keep the output and leave no image", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({ command: "echo early; echo x > /f; sleep 1000", shell: true, timeout: 5 })
        const operation = await engine.ended(id)
        expect(operation).toMatchObject({
          status: "SUCCESS",
          error: null,
          result_image_uuid: null,
          result: { image: null, tag: null },
          metadata: { result: { state: { exit_code: -1, signal: 9, timed_out: true }, stdout: { value: "early\n" } } }
        })
        expect((await eventsOfRun(engine, id)).at(-1)!.data).toEqual({
          status: "SUCCESS",
          duration_ms: expect.any(Number)
        })
      }))

    it.effect("by writing too much are failures that say so", () =>
      withEngine(async (engine) => {
        const id = await engine.spawn({
          command: "while :; do head -c 1000000 /dev/zero >> /f$((i=i+1)); done",
          shell: true,
          resources_limits: { max_layer_bytes: 4_000_000 }
        })
        const operation = await engine.ended(id)
        expect(operation).toMatchObject({ status: "FAILED", result_image_uuid: null })
        expect(operation.error).toMatch(/max_layer_bytes allows 4000000/)
        const events = await eventsOfRun(engine, id)
        const cap = events.find(({ type }) => type === "size_cap")!
        expect([cap.spid, cap.data.limit_bytes, cap.data.file_size > 4_000_000]).toEqual([0, 4_000_000, true])
        expect(events.at(-1)!.data).toMatchObject({ status: "FAILED", error: operation.error })
      }))
  })

  describe("images", () => {
    it.effect("are made of what a run leaves, branch, and never change afterwards", () =>
      withEngine(async (engine) => {
        const script = "echo one > /f; (while :; do date >> /f; echo x >> /g; done) > /dev/null 2>&1 &"
        const first = await engine.run({ command: script, shell: true })
        const id = first.result_image_uuid
        expect([first.status, id === first.image_uuid]).toEqual(["SUCCESS", false])
        const digest = async (): Promise<string> =>
          createHash("sha256").update((await engine.call("GET", `/v1/inspect/${id}/archive?path=/`)).body).digest("hex")
        const before = await digest()
        const branches = await Promise.all(
          ["echo left > /f", "rm /f /g", "true"].map((command) => engine.run({ command, shell: true, image: id }))
        )
        expect(new Set(branches.map((branch) => branch.result_image_uuid)).size).toBe(3)
        expect(branches[2]!.result_image_uuid).toBe(id)
        expect(branches.map((branch) => branch.image_uuid)).toEqual([id, id, id])
        expect(await digest()).toBe(before)
        const left = await engine.call("GET", `/v1/inspect/${branches[0]!.result_image_uuid}/download?path=/f`)
        expect(left.text).toBe("left\n")
        const gone = await engine.call("GET", `/v1/inspect/${branches[1]!.result_image_uuid}/download?path=/f`)
        expect(gone.status).toBe(404)
      }))

    it.effect("have homes in a passwd file of any size", () =>
      withEngine(async (engine) => {
        const line = "u$i:x:$((i+1000)):0::/home/u$i:/bin/sh"
        // far enough before the end that nothing read later stands in its place
        const script = "echo 'root:x:0:0::/far:/bin/sh' > /etc/passwd; " +
          `i=0; while [ $i -lt 12000 ]; do echo "${line}"; i=$((i+1)); done >> /etc/passwd`
        const { result_image_uuid: image } = await engine.run({ command: script, shell: true })
        const { metadata } = await engine.run({ image, command: "echo $HOME; wc -c < /etc/passwd", shell: true })
        const [home, size] = metadata.result.stdout.value.split("\n")
        expect([home, Number(size) > 400_000]).toEqual(["/far", true])
      }))

    it.effect("keep an environment when asked, and a null takes a variable out", () =>
      withEngine(async (engine) => {
        const kept = await engine.run({ command: "true", env: { KEPT: "1", B: "2" }, preserve_env: true })
        const id = kept.result_image_uuid
        expect(id).not.toBe(kept.image_uuid)
        const show = async (request: object): Promise<string> =>
          (await engine.run({
            command: "env | sort | grep -v -E '^(PWD|SHLVL|_)='",
            shell: true,
            image: id,
            ...request
          }))
            .metadata.result.stdout.value
        const defaults = "HOME=/root\nKEPT=1\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        expect(await show({})).toBe(`B=2\n${defaults}`)
        expect(await show({ env: { B: null, HOME: "/h" } })).toBe(defaults.replace("/root", "/h"))
        expect(await show({ image: "tag:busybox" })).toBe(defaults.replace("KEPT=1\n", ""))
      }))

    it.effect("of disposable and failed runs do not exist", () =>
      withEngine(async (engine) => {
        const disposable = await engine.run({ command: "echo x > /f; exit 1", shell: true, disposable: true })
        expect(disposable).toMatchObject({ status: "SUCCESS", result_image_uuid: null, result: { image: null } })
        // a command that fails has still written: that is the caller's to judge
        const failed = await engine.run({ command: "echo x > /f; exit 1", shell: true })
        expect(failed.result_image_uuid).not.toBe(failed.image_uuid)
      }))
  })

  describe("the network", () => {
    it.effect("is the host's when asked for, and a loopback of its own when not", () =>
      withEngine(async (engine) => {
        const names = async (networking: object | undefined): Promise<Local.Json> => {
          const command = "ls /proc/self/ns/ > /dev/null; tail -n +3 /proc/net/dev | cut -d: -f1"
          const id = await engine.spawn({ command, shell: true, disposable: true, ...(networking && { networking }) })
          const events = await eventsOfRun(engine, id)
          const event = events.find(({ type }) => type === "network")
          const inside = outputOf(events, "stdout").toString().split("\n").map((name) => name.trim()).filter(Boolean)
          return [inside, event?.spid, event?.data.interfaces]
        }
        expect(await names(undefined)).toEqual([["lo"], undefined, undefined])
        expect(await names({ enabled: false })).toEqual([["lo"], undefined, undefined])
        const [inside, spid, interfaces] = await names({ enabled: true })
        expect([spid, interfaces.map((one: Local.Json) => one.name)]).toEqual([0, inside])
        expect(Object.keys(interfaces[0])).toEqual([
          "name",
          "rx_bytes",
          "rx_packets",
          "rx_errs",
          "rx_drop",
          "tx_bytes",
          "tx_packets",
          "tx_errs",
          "tx_drop"
        ])
      }))
  })

  describe("users", () => {
    it.effect("other than 0 need an engine of root", () =>
      withEngine(async (engine) => {
        const answer = await engine.call("POST", "/v1/instances", {
          body: { command: "id -u; id -g", shell: true, image: "tag:busybox", uid: 12, gid: 34, disposable: true }
        })
        expect(answer.status).toBe(isRoot ? 201 : 422)
        if (isRoot) expect((await engine.ended(answer.json.uuid)).metadata.result.stdout.value).toBe("12\n34\n")
      }))
  })

  describe("cancelling", () => {
    it.effect("at any moment ends in one terminal state, and 202 means CANCELLED", () =>
      withEngine(async (engine) => {
        for (const delay of [0, 0, 2, 5, 10, 20, 30, 40, 60, 90]) {
          const id = await engine.spawn({ command: "echo x > /f", shell: true })
          await new Promise((resolve) => setTimeout(resolve, delay))
          const answers = await Promise.all([1, 2, 3].map(() => engine.call("DELETE", `/v1/operations/${id}`)))
          const statuses = answers.map(({ status }) => status)
          for (const status of statuses) expect([202, 409]).toContain(status)
          const operation = await engine.ended(id)
          const cancelled = statuses.includes(202)
          expect([operation.status, operation.result_image_uuid === null], String(delay)).toEqual([
            cancelled ? "CANCELLED" : "SUCCESS",
            cancelled
          ])
          const events = await eventsOfRun(engine, id)
          expect(events.filter(({ type }) => type === "completion")).toHaveLength(1)
          expect(events.at(-1)).toMatchObject({ type: "completion", data: { status: operation.status } })
          // a reader's descriptor goes just after its answer
          await Effect.runPromise(eventually("nothing of it is left", () =>
            !Local.traces(engine.store, [id]).some((trace) =>
              trace.includes(id)
            )))
        }
      }))

    it.effect("of what is over, or not there, is refused", () =>
      withEngine(async (engine) => {
        const { uuid } = await engine.run({ command: "true", disposable: true })
        expect((await engine.call("DELETE", `/v1/operations/${uuid}`)).json).toEqual({
          error: "operation is not cancellable",
          status: 409
        })
        const nowhere = await engine.call("DELETE", "/v1/operations/01234567-89ab-4def-8123-456789abcdef")
        expect(nowhere.json).toEqual({ error: "Operation not found", status: 404 })
      }))
  })

  it.effect("over the limit are refused with 429 and begin nothing", () =>
    withEngine(async (engine) => {
      const ids = await Promise.all([1, 2, 3, 4].map(() => engine.spawn({ command: "sleep", args: ["100"] })))
      expect((await engine.call("GET", "/v1/whoami")).json.operations_stat).toEqual({
        running_instances: 4,
        running_imports: 0
      })
      const before = (await engine.call("GET", "/v1/operations?limit=1")).json
      const refused = await engine.call("POST", "/v1/instances", { body: { command: "true", image: "tag:busybox" } })
      expect([refused.status, refused.headers["retry-after"], refused.json.error]).toEqual([
        429,
        "1",
        expect.stringMatching(/4 runs/)
      ])
      expect((await engine.call("GET", "/v1/operations?limit=1")).json[0].uuid).toBe(before[0].uuid)
      // a refusal gives its place back
      for (let i = 0; i < 5; i++) {
        expect((await engine.call("POST", "/v1/instances", { body: { command: "true", image: "tag:nope" } })).status)
          .toBe(429)
      }
      await Promise.all(ids.map((id) => engine.call("DELETE", `/v1/operations/${id}`)))
      await Promise.all(ids.map((id) => engine.ended(id)))
      for (let i = 0; i < 5; i++) {
        expect((await engine.call("POST", "/v1/instances", { body: { command: "true", image: "tag:nope" } })).status)
          .toBe(404)
      }
      expect((await engine.run({ command: "true" })).status).toBe("SUCCESS")
    }))
})

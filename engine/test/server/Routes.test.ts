import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { createHash, randomBytes } from "node:crypto"
import { LocalEngine, promise } from "../support/LocalEngine.js"
import type { Engine } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"

const nowhere = "01234567-89ab-4def-8123-456789abcdef"
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/

const withEngine = (use: (engine: Engine) => Promise<void>) =>
  Effect.flatMap(LocalEngine, (engine) => promise(() => use(engine)))

const busyboxOf = async (engine: Engine): Promise<string> =>
  (await engine.call("GET", "/v1/inspect/?tag=busybox")).headers.location!.replace("/", "")

/** Every failure has this body and no other. */
const refused = (answer: Local.Answer, status: number, error?: string | RegExp): void => {
  expect([answer.status, answer.headers["content-type"]], answer.text).toEqual([status, "application/json"])
  expect(answer.json).toEqual({ error: expect.any(String), status })
  if (typeof error === "string") expect(answer.json.error).toBe(error)
  if (error instanceof RegExp) expect(answer.json.error).toMatch(error)
}

layer(Local.layer({ maxUploadBytes: 300_000 }), { timeout: "5 minutes" })("the server", (it) => {
  describe("tokens", () => {
    it.effect("are asked for on every route, unknown ones included", () =>
      withEngine(async (engine) => {
        for (const path of ["/v1/whoami", "/v1/images", "/v1/nothing", "/", `/v1/operations/${nowhere}/events`]) {
          for (const token of [null, "", "wrong", engine.token.slice(1), `${engine.token}x`]) {
            refused(await engine.call("GET", path, { token }), 401)
          }
        }
        refused(await engine.call("POST", "/v1/files", { token: null, body: "x" }), 401)
        expect(engine.token).toHaveLength(43)
      }))

    it.effect("do not help a page of another origin, nor a name that leads here", () =>
      withEngine(async (engine) => {
        for (const headers of [{ origin: "http://evil.example" }, { origin: "null" }, { host: "evil.example" }]) {
          refused(await engine.call("GET", "/v1/whoami", { headers }), 403)
        }
        const same = await engine.call("GET", "/v1/whoami", { headers: { origin: `http://127.0.0.1:${engine.port}` } })
        expect(same.status).toBe(200)
      }))

    it.effect("are let in, and tell who they are", () =>
      withEngine(async (engine) => {
        const { json, status } = await engine.call("GET", "/v1/whoami")
        expect(status).toBe(200)
        expect(json).toEqual({
          token_uuid: expect.stringMatching(uuid),
          token_expiration: null,
          permissions: {
            import: true,
            spawn: true,
            spawn_disposable: true,
            list: true,
            cancel: true,
            set_image_tag: true
          },
          operations_stat: { running_instances: 0, running_imports: 0 },
          limits: {
            instance_max_timeout: 3600,
            instance_max_concurrency: 50,
            instance_max_layer_bytes: 12_884_901_888,
            images_import_max_concurrency: 8,
            images_import_max_timeout: 3600
          }
        })
        expect(json.token_uuid).not.toContain(engine.token)
      }))
  })

  describe("routes", () => {
    it.effect("that are not there, or not so, are refused as JSON", () =>
      withEngine(async (engine) => {
        for (
          const path of [
            "/",
            "/v1/projects",
            "/v1/whoami/",
            "/V1/whoami",
            "//v1/whoami",
            "/v1/%77hoami",
            "/v1/../v1/whoami"
          ]
        ) {
          refused(await engine.call("GET", path), 404, "there is no such route")
        }
        const wrong = await engine.call("PUT", "/v1/files", { body: "x" })
        refused(wrong, 405)
        expect(wrong.headers.allow).toBe("GET, POST")
        refused(await engine.call("GET", "/v1/operations/..%2f..%2fetc"), 404)
        refused(await engine.call("GET", "/v1/operations/not-an-id"), 400, "the id in the path must be a UUID")
        refused(await engine.call("GET", "/v1/files/abc"), 400)
      }))
  })

  describe("images", () => {
    it.effect("are listed by page, tag and time", () =>
      withEngine(async (engine) => {
        const { json } = await engine.call("GET", "/v1/images")
        const id = await busyboxOf(engine)
        expect(json.images.filter((image: Local.Json) => image.uuid === id)).toEqual(
          ["busybox", "busybox:latest"].map((tag) => ({
            uuid: id,
            tag,
            created_at: expect.stringMatching(moment),
            operation_uuid: null
          }))
        )
        const tags = async (query: string): Promise<ReadonlyArray<string>> =>
          (await engine.call("GET", `/v1/images?uuid=${id}&${query}`)).json.images.map((image: Local.Json) => image.tag)
        expect(await tags("tag=busybox:")).toEqual(["busybox:latest"])
        expect(await tags("tag=usybox")).toEqual([])
        expect(await tags("tag=%25")).toEqual([])
        expect(await tags("limit=1")).toEqual(["busybox"])
        expect(await tags("limit=1&offset=1")).toEqual(["busybox:latest"])
        expect(await tags("since=1h")).toHaveLength(2)
        expect(await tags("until=1h")).toHaveLength(0)
        expect(await tags("since=2100-01-01T00:00:00Z")).toHaveLength(0)
        expect(await tags("until=4102444800")).toHaveLength(2)
        expect((await engine.call("GET", `/v1/images?uuid=${nowhere}`)).json).toEqual({ images: [] })
        for (const limit of ["0", "1001", "x", "-1"]) {
          refused(await engine.call("GET", `/v1/images?limit=${limit}`), 400, "limit must be between 1 and 1000")
        }
        for (const query of ["offset=-1", "tagged=maybe", "since=soon", "uuid=x", "tag=%ff", "limit=1&limit=2"]) {
          refused(await engine.call("GET", `/v1/images?${query}`), 400)
        }
      }))

    it.effect("get and lose tags", () =>
      withEngine(async (engine) => {
        const id = await busyboxOf(engine)
        const set = await engine.call("PATCH", `/v1/images/${id.toUpperCase()}/tag`, {
          body: { tag: "Mine/x:1.0_a-b" }
        })
        expect([set.status, set.json]).toEqual([200, {
          uuid: id,
          tag: "Mine/x:1.0_a-b",
          created_at: expect.stringMatching(moment),
          operation_uuid: null
        }])
        const found = await engine.call("GET", "/v1/inspect/?tag=Mine%2Fx:1.0_a-b")
        expect([found.status, found.headers.location, found.text]).toEqual([302, `${id}/`, ""])
        const removed = await engine.call("DELETE", `/v1/images/${id}/tag?tag=Mine/x:1.0_a-b`)
        expect([removed.status, removed.text]).toEqual([204, ""])
        refused(await engine.call("GET", "/v1/inspect/?tag=Mine/x:1.0_a-b"), 404)
        refused(await engine.call("DELETE", `/v1/images/${id}/tag?tag=Mine/x:1.0_a-b`), 404)
        refused(await engine.call("DELETE", `/v1/images/${nowhere}/tag`), 404)
        refused(await engine.call("PATCH", `/v1/images/${nowhere}/tag`, { body: { tag: "x" } }), 404)
        for (const tag of ["", "a b", "a\nb", "ä", "x".repeat(257), 5, null]) {
          refused(await engine.call("PATCH", `/v1/images/${id}/tag`, { body: { tag } }), 400, /tag/)
        }
      }))
  })

  describe("bodies", () => {
    it.effect("that are malformed are refused with where and what, and never with the value", () =>
      withEngine(async (engine) => {
        const id = await busyboxOf(engine)
        const ok = { command: "true", image: "tag:busybox" }
        const cases: ReadonlyArray<readonly [body: string | Uint8Array | object, error: RegExp]> = [
          ["", /empty/],
          ["{", /not valid JSON/],
          ["{\n \"image\": s3cret }", /line 2, column 11/],
          [new Uint8Array([0x22, 0xff, 0x22]), /UTF-8/],
          ["[]", /the body/],
          ["null", /the body/],
          [{}, /command.*missing/],
          [{ command: "true" }, /image.*missing/],
          [{ ...ok, command: 5 }, /command/],
          [{ ...ok, args: "x" }, /args/],
          [{ ...ok, args: ["x", 5] }, /args\.1/],
          [{ ...ok, env: { S3: 5 } }, /env\.S3/],
          [{ ...ok, env: { "": "x" } }, /variable/],
          [`{"command":"true","image":"tag:busybox","env":{"__proto__":"x"}}`, /^env\.__proto__: /],
          [[], /^the body: expected an object$/],
          [{ ...ok, timeout: "x" }, /^timeout: [^;]*$/],
          [{ ...ok, env: { "A=B": "x" } }, /variable/],
          [{ ...ok, timeout: 1.5 }, /timeout/],
          [{ ...ok, timeout: 0 }, /timeout must be between 1 and 3600/],
          [{ ...ok, timeout: 3601 }, /timeout must be between 1 and 3600/],
          [{ ...ok, truncate_output_at: 10_485_761 }, /truncate_output_at must be between 0 and 10485760/],
          [{ ...ok, truncate_output_at: -1 }, /truncate_output_at/],
          [{ ...ok, resources_limits: { max_layer_bytes: 0 } }, /max_layer_bytes/],
          [{ ...ok, uid: -1 }, /uid/],
          [{ ...ok, cwd: "relative" }, /cwd/],
          [{ ...ok, hostname: "a b" }, /host name/],
          [{ ...ok, command: "" }, /command is empty/],
          [{ ...ok, command: "a\0b" }, /NUL/],
          [{ ...ok, args: ["x".repeat(131_072)] }, /argument 1/],
          [{ ...ok, stdin: { value: "%%%", encoding: "base64" } }, /stdin\.value/],
          [{ ...ok, stdin: { value: "x", encoding: "utf8" } }, /stdin\.encoding/],
          [{ ...ok, image: "busybox" }, /tag:busybox/],
          [{ ...ok, image: "tag:" }, /image/],
          [{ ...ok, image: "" }, /image/],
          [{ ...ok, files: { relative: { uuid: nowhere } } }, /files/],
          [{ ...ok, files: { "/a": { uuid: "x" } } }, /files\.\/a\.uuid/],
          [{ ...ok, files: { "/a": { uuid: nowhere, mode: "9" } } }, /mode/]
        ]
        for (const [body, error] of cases) {
          const answer = await engine.call("POST", "/v1/instances", { body })
          refused(answer, 400, error)
          expect(answer.text).not.toContain("s3cret")
        }
        refused(await engine.call("POST", "/v1/instances", { body: { ...ok, image: nowhere } }), 404, /image not found/)
        refused(await engine.call("POST", "/v1/instances", { body: { ...ok, image: "tag:nope" } }), 404, /tag:nope/)
        const lost = { ...ok, files: { "/a": { uuid: nowhere } } }
        refused(await engine.call("POST", "/v1/instances", { body: lost }), 404, /file not found/)
        refused(await engine.call("POST", "/v1/instances", { body: { ...ok, cwd: "/nowhere" } }), 422, /not there/)
        refused(await engine.call("POST", "/v1/instances", { body: { ...ok, cwd: "/tmp/no" } }), 422, /not there/)
        refused(
          await engine.call("POST", "/v1/instances", { body: { ...ok, cwd: "/bin/busybox" } }),
          422,
          /not a folder/
        )
        refused(await engine.call("PATCH", `/v1/images/${id}/tag`, { body: "{\"tag\":" }), 400, /ends too early/)
        expect((await engine.call("GET", "/v1/operations")).json).toEqual([])
      }))

    it.effect("over 32 MiB are refused as soon as they say so", () =>
      withEngine(async (engine) => {
        const headers = { "content-length": String(32 * 1024 * 1024 + 1) }
        refused(await engine.call("POST", "/v1/instances", { body: "{", headers }), 413, /33554432 bytes/)
      }))

    it.effect("repeat their input where it is short, and never as none", () =>
      withEngine(async (engine) => {
        const stdin = (bytes: number) => ({ value: "x".repeat(bytes), encoding: "ascii" })
        const run = (bytes: number) => engine.run({ command: "true", disposable: true, stdin: stdin(bytes) })
        expect((await run(65_536)).metadata.stdin.value).toHaveLength(65_536)
        expect(Object.keys((await run(65_537)).metadata)).not.toContain("stdin")
      }))

    it.effect("that say nothing wrong may say what nobody knows, and null for absent", () =>
      withEngine(async (engine) => {
        const operation = await engine.run({
          command: "true",
          disposable: true,
          args: null,
          env: null,
          files: null,
          stdin: null,
          networking: null,
          nobody_knows: { this: "field" }
        })
        expect(operation.status).toBe("SUCCESS")
      }))
  })

  describe("files", () => {
    it.effect("are kept by content, streamed, and found by digest", () =>
      withEngine(async (engine) => {
        const content = randomBytes(200_000)
        const sha256 = createHash("sha256").update(content).digest("hex")
        refused(await engine.call("GET", `/v1/files/${sha256}`), 404)
        expect((await engine.call("HEAD", `/v1/files/${sha256}`)).status).toBe(404)
        const sent = await engine.call("POST", "/v1/files", { body: content })
        expect([sent.status, sent.json]).toEqual([201, { uuid: expect.stringMatching(uuid), sha256, size: 200_000 }])
        // without a Content-Length, in pieces
        const again = await engine.call("POST", "/v1/files", {
          body: content,
          headers: { "transfer-encoding": "chunked" }
        })
        expect(again.json).toEqual(sent.json)
        const file = {
          ...sent.json,
          created_at: expect.stringMatching(moment),
          updated_at: expect.stringMatching(moment)
        }
        expect((await engine.call("GET", `/v1/files/${sha256.toUpperCase()}`)).json).toEqual(file)
        const head = await engine.call("HEAD", `/v1/files/${sha256}`)
        expect([head.status, head.body.length]).toEqual([200, 0])
        expect((await engine.call("GET", "/v1/files?since=1m")).json.files).toContainEqual(file)
        expect((await engine.call("GET", "/v1/files?until=1h")).json).toEqual({ files: [] })
        refused(await engine.call("GET", "/v1/files?limit=0"), 400)
        const empty = await engine.call("POST", "/v1/files", { body: "" })
        expect([empty.status, empty.json.size]).toEqual([201, 0])
      }))

    it.effect("over the limit are refused, announced or not, and leave nothing", () =>
      withEngine(async (engine) => {
        const content = randomBytes(300_001)
        const before = (await engine.call("GET", "/v1/files")).json.files.length
        refused(await engine.call("POST", "/v1/files", { body: content }), 413, /300000/)
        const chunked = { body: content, headers: { "transfer-encoding": "chunked" } }
        refused(await engine.call("POST", "/v1/files", chunked), 413, /300000/)
        expect((await engine.call("POST", "/v1/files", { body: content.subarray(1) })).status).toBe(201)
        expect((await engine.call("GET", "/v1/files")).json.files).toHaveLength(before + 1)
      }))

    it.effect("go into a run where and as they are wanted", () =>
      withEngine(async (engine) => {
        const { json: { uuid: id } } = await engine.call("POST", "/v1/files", { body: "content\n" })
        const operation = await engine.run({
          command: "cat '/in/a b/ü.txt'; stat -c '%a %u %g' '/in/a b/ü.txt' /x; pwd",
          shell: true,
          cwd: "/in",
          files: { "/in/a b/ü.txt": { uuid: id, mode: "0o751", uid: 5, gid: 6 }, "/x": { uuid: id } }
        })
        expect(operation.metadata.result.stdout.value).toBe("content\n751 5 6\n644 0 0\n/in\n")
        expect(operation.metadata.files).toEqual({
          "/in/a b/ü.txt": { uuid: id, mode: "0751", uid: 5, gid: 6 },
          "/x": { uuid: id, mode: "0644", uid: 0, gid: 0 }
        })
      }))
  })

  describe("files of a request", () => {
    it.effect("have no place in folders, nor below links into what is made anew", () =>
      withEngine(async (engine) => {
        const { json: { uuid } } = await engine.call("POST", "/v1/files", { body: "x" })
        const script =
          "ln -s /dev/shm /shm; ln -s /proc/sys /d; mkdir /e; ln -s ../d /e/f; ln -s /e /g; ln -s / /r; : > /h"
        const { result_image_uuid: image } = await engine.run({ command: script, shell: true })
        const spawn = (path: string) =>
          engine.call("POST", "/v1/instances", { body: { image, command: "true", files: { [path]: { uuid } } } })
        for (const path of ["/shm/x", "/shm/new/x", "/d/kernel/x", "/e/f/x", "/g/f/x", "/r/dev/x", "/r/r/sys/a/b"]) {
          refused(await spawn(path), 422, /made anew/)
        }
        refused(await spawn("/e"), 422, /folder/)
        refused(await spawn("/h/x"), 422, /not a folder/)
        for (const path of ["/shm", "/g/x", "/r/new/x", "/e/dev/x"]) expect((await spawn(path)).status).toBe(201)
      }))
  })

  describe("inspection", () => {
    it.effect("looks into an image", () =>
      withEngine(async (engine) => {
        const script =
          "mkdir -p '/d/a b' && printf '\\377\\000x' > '/d/a b/bin' && ln -s 'a b/bin' /d/l && : > /d/empty"
        const operation = await engine.run({ command: script, shell: true })
        const id = operation.result_image_uuid
        const inspect = (rest: string, method = "GET"): Promise<Local.Answer> =>
          engine.call(method, `/v1/inspect/${id}${rest}`)
        expect((await inspect("/")).json).toEqual({
          uuid: id,
          tag: null,
          created_at: expect.stringMatching(moment),
          operation_uuid: operation.uuid
        })
        const { json: listed } = await inspect("/list?path=/d")
        expect(listed.path).toBe("/d")
        expect(listed.files.map((item: Local.Json) => [item.path, item.is_dir, item.is_symlink, item.symlink_to]))
          .toEqual([
            ["a b", true, false, ""],
            ["empty", false, false, ""],
            ["l", false, true, "a b/bin"]
          ])
        expect(Object.keys(listed.files[0]).sort()).toEqual([
          "gid",
          "group",
          "is_dir",
          "is_fifo",
          "is_regular",
          "is_socket",
          "is_symlink",
          "mode",
          "mtime",
          "nlink",
          "owner",
          "path",
          "size",
          "symlink_to",
          "uid"
        ])
        const text = await inspect("/list?path=/d&text")
        expect([text.status, text.headers["content-type"]]).toEqual([200, "text/plain; charset=utf-8"])
        expect(text.text).toMatch(/^d.* a b\n-.* empty\nl.* l -> a b\/bin\n$/)
        const bin = await inspect("/download?path=/d/a%20b/bin")
        expect([bin.status, bin.headers["content-type"], bin.headers["content-length"], [...bin.body]]).toEqual([
          200,
          "application/octet-stream",
          "3",
          [255, 0, 120]
        ])
        expect([...(await inspect("/download?path=/d/l")).body]).toEqual([255, 0, 120])
        const head = await inspect("/download?path=/d/l", "HEAD")
        expect([head.status, head.body.length]).toEqual([200, 0])
        expect((await inspect("/download?path=/d/empty")).body.length).toBe(0)
        const tar = await inspect("/archive?path=/d")
        expect([tar.status, tar.headers["content-type"], tar.body.length % 512]).toEqual([200, "application/x-tar", 0])
        expect(tar.text).toContain("d/a b/bin")
        expect((await inspect("/archive?path=/d", "HEAD")).status).toBe(200)
      }))

    it.effect("says what is not there, and what is something else", () =>
      withEngine(async (engine) => {
        const id = await busyboxOf(engine)
        const cases: ReadonlyArray<readonly [path: string, status: number]> = [
          ["list", 400],
          ["list?path=", 400],
          ["list?path=etc", 400],
          ["list?path=/%00", 400],
          ["list?path=/a&path=/b", 400],
          ["list?path=/nowhere", 404],
          ["list?path=/nowhere&text=1", 404],
          ["list?path=/&text=x", 400],
          ["list?path=/bin/busybox", 422],
          ["list?path=/bin/busybox/x", 404],
          ["download?path=/nowhere", 404],
          ["download?path=/bin", 422],
          ["download?path=/bin/busybox/x", 404],
          ["archive?path=/nowhere", 404],
          ["archive", 400]
        ]
        for (const [rest, status] of cases) {
          refused(await engine.call("GET", `/v1/inspect/${id}/${rest}`), status)
          if (/^(download|archive)/.test(rest)) {
            const head = await engine.call("HEAD", `/v1/inspect/${id}/${rest}`)
            expect([head.status, head.text], rest).toEqual([status, ""])
          }
        }
        refused(await engine.call("GET", `/v1/inspect/${nowhere}/`), 404)
        refused(await engine.call("GET", `/v1/inspect/${nowhere}/list?path=/`), 404)
        refused(await engine.call("GET", "/v1/inspect/"), 400, "tag is required")
        refused(await engine.call("GET", "/v1/inspect/?tag=nope"), 404)
        const slash = await engine.call("GET", "/v1/inspect?tag=busybox")
        expect([slash.status, slash.headers.location]).toEqual([308, "inspect/?tag=busybox"])
        expect((await engine.call("GET", `/v1/inspect/${id}`)).headers.location).toBe(`${id}/`)
      }))
  })
})

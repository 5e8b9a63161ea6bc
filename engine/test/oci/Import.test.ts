import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import type { ServerResponse } from "node:http"
import * as Net from "node:net"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Tools from "../../src/box/Tools.js"
import { eventually, temporaryFolder } from "../box/BoxFixture.js"
import { sql } from "../store/tamper.js"
import * as Local from "../support/LocalEngine.js"
import type { Client, Engine, Json } from "../support/LocalEngine.js"
import * as FakeRegistry from "./FakeRegistry.js"
import type { FakeRegistry as Fake } from "./FakeRegistry.js"
import type { Entry, Made } from "./Tar.js"
import { file, folder, image, index, symlink, tar } from "./Tar.js"
import { isThere as zstdIsThere, withoutZstd, zstdOfA } from "./zstd.js"

const local = temporaryFolder()

/** The layer every image here begins with: a program that runs. */
const bottom: Effect.Effect<ReadonlyArray<Entry>> = Effect.map(Tools.find.busybox, (path): ReadonlyArray<Entry> => [
  folder("bin"),
  { name: "bin/busybox", type: "file", mode: 0o755, content: Fs.readFileSync(path) },
  symlink("bin/sh", "busybox"),
  symlink("bin/cat", "busybox"),
  symlink("bin/pwd", "busybox"),
  symlink("bin/env", "busybox"),
  file("base", "base")
]).pipe(Effect.orDie)

const images = Effect.gen(function*() {
  const fake = yield* FakeRegistry.make
  const base = yield* Effect.promise(async () => tar(await Effect.runPromise(bottom)))
  return { fake, base }
})

interface Asked {
  readonly operation: Json
  readonly events: ReadonlyArray<{ readonly type: string; readonly data: Json }>
}

const importing = async (engine: Client, request: object): Promise<Asked> => {
  const begun = await engine.call("POST", "/v1/images/import", { body: request })
  expect([begun.status, begun.headers.location]).toEqual([201, `/v1/operations/${begun.json.uuid}`])
  const operation = await engine.ended(begun.json.uuid)
  const events = (await engine.call("GET", `/v1/operations/${begun.json.uuid}/events`)).text
  return {
    operation,
    events: [...events.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, type = "", data = ""]) => ({
      type,
      data: JSON.parse(data).data
    }))
  }
}

/** where nothing listens any more */
const closedPort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = Net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as Net.AddressInfo
      server.close(() => resolve(port))
    })
  })

const from = (fake: Fake, name: string) => ({ registry: { url: `docker://${fake.host}/${name}` } })

const output = async (engine: Client, image: string, ...command: ReadonlyArray<string>): Promise<string> => {
  const [program = "", ...args] = command
  const run = await engine.run({ image, command: program, args, disposable: true })
  return run.metadata.result.stdout.value
}

layer(Local.layer({ localImages: [local] }), { timeout: "5 minutes" })("imports", (it) => {
  const withBoth = (body: (engine: Engine, fake: Fake, base: Buffer) => Promise<void>) =>
    Effect.scoped(Effect.gen(function*() {
      const { base, fake } = yield* images
      const engine = yield* Local.LocalEngine
      yield* Local.promise(() => body(engine, fake, base))
    }))

  it.effect("bring an image with its files, environment and folder, under its tag", () =>
    withBoth(async (engine, fake, base) => {
      const top = await tar([folder("work"), file("work/hello", "hello\n"), file(".wh.base", "")])
      const made = image([base, top], { config: { Env: ["GREETING=hi there"], WorkingDir: "/work" } })
      fake.add("team/app", "v1", made)
      const { events, operation } = await importing(engine, { ...from(fake, "team/app:v1"), tag: "team/app:v1" })
      expect(operation).toMatchObject({
        kind: "image_import",
        status: "SUCCESS",
        error: null,
        image_uuid: null,
        metadata: {
          registry: { url: `docker://${fake.host}/team/app:v1`, credentials: null },
          tag: "team/app:v1",
          timeout: 300
        }
      })
      const id: string = operation.result_image_uuid
      expect(operation.result).toEqual({ image: id, tag: "team/app:v1" })
      expect(await output(engine, "tag:team/app:v1", "cat", "hello")).toBe("hello\n")
      expect(await output(engine, id, "pwd")).toBe("/work\n")
      expect(await output(engine, id, "sh", "-c", "echo $GREETING; cat /base 2>/dev/null || echo gone")).toBe(
        "hi there\ngone\n"
      )
      // a run that changes nothing gives the image itself: all it mounts over was there
      expect((await engine.run({ image: id, command: "pwd" })).result_image_uuid).toBe(id)
      // what runs make of it keeps the folder
      const child = (await engine.run({ image: id, command: "sh", args: ["-c", "echo x > new"] })).result_image_uuid
      expect(await output(engine, child, "pwd")).toBe("/work\n")
      expect(events.at(-1)).toMatchObject({ type: "completion", data: { status: "SUCCESS", result_image_uuid: id } })
      const progress = events.filter(({ type }) => type === "import_progress").map(({ data }) => data)
      expect(progress[0]).toMatchObject({ phase: "resolving" })
      expect(progress.every(({ bytes, total_bytes }) => bytes <= total_bytes)).toBe(true)
      const all = made.layers.reduce((sum, { bytes }) => sum + bytes.length, 0)
      expect(progress.at(-1)).toEqual({ phase: "unpacking", bytes: all, total_bytes: all, layers: 2, total_layers: 2 })
    }))

  it.effect("read layers in zstd", () =>
    !zstdIsThere ? Effect.sync(withoutZstd) : withBoth(async (engine, fake, base) => {
      const compress = (bytes: Buffer) => execFileSync("zstd", ["-q", "-c"], { input: bytes, maxBuffer: 2 ** 28 })
      fake.add("zstd", "v1", image([base, await tar([file("packed", "tight")])], { compress }))
      const { operation } = await importing(engine, from(fake, "zstd:v1"))
      expect([operation.status, operation.error]).toEqual(["SUCCESS", null])
      expect(await output(engine, operation.result_image_uuid, "cat", "/packed")).toBe("tight")
    }))

  it.effect("heal what was damaged in the store since: the configuration and a layer", () =>
    withBoth(async (engine, fake, base) => {
      const once = image([base], { config: { Env: ["ONCE=1"] } })
      fake.add("damaged", "v1", once)
      await importing(engine, from(fake, "damaged:v1"))
      for (const { digest } of once.blobs) {
        const blob = join(engine.store, "blobs", digest.slice("sha256:".length))
        const bytes = Fs.readFileSync(blob)
        Fs.writeFileSync(blob, Buffer.from(bytes).fill("#", 10, 20))
      }
      const twice = image([base, await tar([file("more", "2")])])
      fake.add("damaged", "v2", twice)
      expect((await importing(engine, from(fake, "damaged:v1"))).operation.error).toBe(null)
      const { operation } = await importing(engine, from(fake, "damaged:v2"))
      expect(operation.error).toBe(null)
      expect(await output(engine, operation.result_image_uuid, "cat", "/more")).toBe("2")
    }))

  it.effect("make an image anew that was damaged since, in its row or its layer, under the same id", () =>
    withBoth(async (engine, fake, base) => {
      fake.add("lost", "v1", image([base], { config: { Env: ["LOST=1"] } }))
      const first = await importing(engine, { ...from(fake, "lost:v1"), tag: "lost" })
      const id = first.operation.result_image_uuid
      const layers = Fs.readdirSync(join(engine.store, "l")).map((name) => Number.parseInt(name.split(".")[0]!, 36))
      const layer = join(engine.store, "l", Math.max(...layers).toString(36))
      const damages = [
        () => Effect.sync(() => Fs.renameSync(layer, `${engine.store}/elsewhere`)),
        () => sql(engine.store, "UPDATE image SET layers = 'x' WHERE id = ?", id)
      ]
      for (const damage of damages) {
        await Effect.runPromise(damage())
        expect((await engine.call("GET", `/v1/inspect/${id}/list?path=/`)).status).toBe(500)
        const { operation } = await importing(engine, from(fake, "lost:v1"))
        expect([operation.error, operation.result_image_uuid]).toEqual([null, id])
        expect(await output(engine, "tag:lost", "cat", "/base")).toBe("base")
      }
    }))

  it.effect("are eight at once, and one more is 429", () =>
    withBoth(async (engine, fake, base) => {
      fake.add("many", "v1", image([base], { config: { Env: ["MANY=1"] } }))
      const held: Array<() => void> = []
      fake.instead.set(
        "/v2/many/manifests/v1",
        Array.from({ length: 8 }, () => (response) => void held.push(() => response.destroy()))
      )
      const begin = () => engine.call("POST", "/v1/images/import", { body: from(fake, "many:v1") })
      const begun = await Promise.all(Array.from({ length: 8 }, begin))
      expect(begun.map(({ status }) => status)).toEqual(begun.map(() => 201))
      // one that is cancelled before it asks would leave its place at the registry to the one after
      await Effect.runPromise(eventually("all have asked", () => held.length === 8))
      const refused = await begin()
      expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "1"])
      await Promise.all(begun.map(({ json }) => engine.call("DELETE", `/v1/operations/${json.uuid}`)))
      await Promise.all(begun.map(({ json }) => engine.ended(json.uuid)))
      const after = await begin()
      expect([after.status, (await engine.ended(after.json.uuid)).status]).toEqual([201, "SUCCESS"])
    }))

  it.effect("of the same image again fetch nothing, and give the same image, by tag and by digest", () =>
    withBoth(async (engine, fake, base) => {
      const made = image([base, await tar([file("again", "1")])])
      fake.add("again", "v1", made)
      const first = await importing(engine, from(fake, "again:v1"))
      fake.asked.length = 0
      const second = await importing(engine, { ...from(fake, `again@${made.manifest.digest}`), tag: "again" })
      expect(second.operation.result_image_uuid).toBe(first.operation.result_image_uuid)
      expect(second.operation.image_size).toBe(0)
      expect(fake.asked.map(({ path }) => path)).toEqual([`/v2/again/manifests/${made.manifest.digest}`])
      expect(await output(engine, "tag:again", "cat", "/again")).toBe("1")
      // another image with a layer in common brings the other alone
      fake.add("other", "v1", image([base, await tar([file("other", "2")])]))
      fake.asked.length = 0
      await importing(engine, from(fake, "other:v1"))
      expect(fake.asked.filter(({ path }) => path.includes("/blobs/")).length).toBe(2)
    }))

  it.effect("choose the image for this machine from an index, in Docker's forms too", () =>
    withBoth(async (engine, fake, base) => {
      const mine = image([base], { docker: true, config: { Env: ["MINE=yes"] } })
      const other = image([base], { architecture: "s390x" })
      fake.add("multi", "other", other)
      const architecture = process.arch === "x64" ? "amd64" : process.arch
      fake.add(
        "multi",
        "v1",
        mine,
        index([
          { made: other, platform: { os: "linux", architecture: "s390x" } },
          { made: mine, platform: { os: "linux", architecture } }
        ])
      )
      const { operation } = await importing(engine, from(fake, "multi:v1"))
      expect(await output(engine, operation.result_image_uuid, "sh", "-c", "echo $MINE")).toBe("yes\n")
      expect((await importing(engine, from(fake, "multi:other"))).operation).toMatchObject({
        status: "FAILED",
        error: expect.stringMatching(/linux\/s390x/)
      })
    }))

  it.effect("show who they are, with a password or a token, and show the password to nobody", () =>
    withBoth(async (engine, fake, base) => {
      const made = (n: number): Made => image([base], { config: { Env: [`N=${n}`] } })
      for (const [n, auth] of (["basic", "bearer"] as const).entries()) {
        fake.auth = auth
        // each token is good for one request: the others are asked for anew
        fake.tokenUses = 1
        fake.add("private", `v${n}`, made(n))
        const request = { registry: { ...from(fake, `private:v${n}`).registry, credentials: FakeRegistry.user } }
        const { events, operation } = await importing(engine, request)
        expect([operation.status, operation.error]).toEqual(["SUCCESS", null])
        expect(operation.metadata.registry.credentials).toEqual({ username: "ada", password: "<MASKED>" })
        expect(JSON.stringify([operation, events])).not.toContain(FakeRegistry.user.password)
        const wrong = { registry: { ...request.registry, credentials: { username: "ada", password: "s3cret!" } } }
        const refused = await importing(engine, wrong)
        expect(refused.operation).toMatchObject({
          status: "FAILED",
          error: expect.stringMatching(/refuses these credentials/)
        })
        expect(JSON.stringify(refused)).not.toContain("s3cret!")
        expect((await importing(engine, from(fake, `private:v${n}`))).operation.error).toMatch(
          /whoever has no credentials/
        )
      }
    }))

  it.effect("go on where a line broke, and do not take a wrong byte", () =>
    withBoth(async (engine, fake, base) => {
      const noise = Buffer.alloc(400_000, 1).map((_, n) => (n * 7919) % 251)
      const made = image([base, await tar([file("noise", noise)])], { compress: (bytes) => bytes })
      fake.add("broken", "v1", made)
      const [, blob] = made.layers
      const path = `/v2/broken/blobs/${blob!.digest}`
      fake.instead.set(path, [
        (response) => {
          response.writeHead(200, { "content-length": blob!.bytes.length })
          response.write(blob!.bytes.subarray(0, 100_000), () => response.destroy())
        },
        (response) => response.writeHead(503, { "retry-after": "0" }).end(),
        undefined
      ])
      expect((await importing(engine, from(fake, "broken:v1"))).operation.status).toBe("SUCCESS")
      const ranges = fake.asked.filter((asked) => asked.path === path).map(({ range }) => range)
      expect([ranges.length, ranges[0]]).toEqual([3, undefined])
      expect(ranges[2]).toMatch(/^bytes=[1-9]\d*-$/)

      const bad = image([base, await tar([file("bad", noise.subarray(1))])], { compress: (bytes) => bytes })
      fake.add("bad", "v1", bad)
      fake.blobs.set(bad.layers[1]!.digest, Buffer.from(bad.layers[1]!.bytes).fill(0, 5_000, 5_001))
      expect((await importing(engine, from(fake, "bad:v1"))).operation).toMatchObject({
        status: "FAILED",
        error: expect.stringMatching(/is not what its digest says/),
        result: { image: null, tag: null }
      })
    }))

  it.effect("that cannot be had end FAILED, and say why", () =>
    withBoth(async (engine, fake, base) => {
      fake.add("some", "v1", image([base]))
      fake.add("diff", "v1", image([base], { diffIds: [`sha256:${"0".repeat(64)}`] }))
      fake.add("zstd", "v1", image([base], { config: { Env: ["ZSTD=1"] }, compress: () => zstdOfA }))
      fake.add("wasm", "v1", image([base], { mediaType: "application/wasm" }))
      const errorOf = async (name: string) => {
        const { operation } = await importing(engine, { ...from(fake, name), tag: "never" })
        expect([operation.status, operation.result_image_uuid]).toEqual(["FAILED", null])
        return operation.error as string
      }
      expect(await errorOf("some:v2")).toMatch(/manifest v2 of some: .* does not have it \(MANIFEST_UNKNOWN/)
      expect(await errorOf("none:v1")).toMatch(/does not have it/)
      expect(await errorOf("diff:v1")).toMatch(/layer 1 is not what the image's configuration says/)
      expect(await errorOf("zstd:v1")).toMatch(zstdIsThere ? /a layer cannot be read/ : /install zstd/)
      expect(await errorOf("wasm:v1")).toMatch(/application\/wasm/)
      expect((await engine.call("GET", "/v1/images?tag=never")).json.images).toEqual([])
      const gone = await importing(engine, { registry: { url: `docker://127.0.0.1:${await closedPort()}/x` } })
      expect(gone.operation.error).toMatch(/cannot be reached \(.*ECONNREFUSED/)
    }))

  it.effect("end when they are cancelled, and when their time is over", () =>
    withBoth(async (engine, fake, base) => {
      fake.add("slow", "v1", image([base]))
      const waiting: Array<() => void> = []
      const held = () => new Promise<void>((resolve) => waiting.push(resolve))
      const path = "/v2/slow/manifests/v1"
      fake.instead.set(path, [() => waiting.shift()?.()])
      const asked = held()
      const begun = await engine.call("POST", "/v1/images/import", { body: from(fake, "slow:v1") })
      await asked
      expect((await engine.call("GET", "/v1/whoami")).json.operations_stat.running_imports).toBe(1)
      // it has no process, and will have none: nobody is told to come back
      const processes = `/v1/operations/${begun.json.uuid}/subprocesses`
      expect((await engine.call("GET", `${processes}/1`)).status).toBe(404)
      expect((await engine.call("POST", processes, { body: { command: "true" } })).status).toBe(409)
      expect((await engine.call("DELETE", `/v1/operations/${begun.json.uuid}`)).status).toBe(202)
      expect(await engine.ended(begun.json.uuid)).toMatchObject({ status: "CANCELLED", error: null })
      expect((await engine.call("DELETE", `/v1/operations/${begun.json.uuid}`)).status).toBe(409)
      const failing = (response: ServerResponse) => void response.writeHead(503, { "retry-after": "60" }).end()
      fake.instead.set(path, [failing])
      const { operation } = await importing(engine, { ...from(fake, "slow:v1"), timeout: 1 })
      expect(operation).toMatchObject({
        status: "FAILED",
        error: expect.stringMatching(/longer than its 1 seconds; the last that went wrong: .* answers with 503/)
      })
    }))

  it.effect("of files of this machine come from the folders that the engine's owner named, and no others", () =>
    withBoth(async (engine, _, base) => {
      const made = image([base, await tar([file("local", "here")])])
      const layout = join(local, "layout")
      Fs.mkdirSync(join(layout, "blobs", "sha256"), { recursive: true })
      Fs.writeFileSync(join(layout, "oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}")
      Fs.writeFileSync(join(layout, "index.json"), index([{ made, name: "v1" }]).bytes)
      const put = (into: string) => {
        for (const { bytes, digest } of [made.manifest, ...made.blobs]) {
          Fs.writeFileSync(join(into, "blobs", "sha256", digest.slice(7)), bytes)
        }
      }
      put(layout)
      const { operation } = await importing(engine, { registry: { url: `oci:${layout}:v1` } })
      expect([operation.status, operation.error]).toEqual(["SUCCESS", null])
      const id: string = operation.result_image_uuid
      expect(await output(engine, id, "cat", "/local")).toBe("here")

      const names = [
        "oci-layout",
        "index.json",
        ...Fs.readdirSync(join(layout, "blobs/sha256")).map((n) => `blobs/sha256/${n}`)
      ]
      const archive = await tar(names.map((name) => file(name, Fs.readFileSync(join(layout, name)))))
      Fs.writeFileSync(join(local, "oci.tar"), archive)
      // the same configuration is the same image
      expect(
        (await importing(engine, { registry: { url: `oci-archive:${local}/oci.tar` } })).operation.result_image_uuid
      )
        .toBe(id)

      const saved = [
        file("config.json", made.config.bytes),
        file("1/layer.tar", base),
        file("2/layer.tar", await tar([file("local", "here")])),
        symlink("link.tar", "2/layer.tar"),
        file(
          "manifest.json",
          JSON.stringify([{ Config: "config.json", RepoTags: ["app:latest"], Layers: ["1/layer.tar", "link.tar"] }])
        )
      ]
      Fs.writeFileSync(join(local, "docker.tar"), gzipSync(await tar(saved)))
      const docker = await importing(engine, { registry: { url: `docker-archive:${local}/docker.tar:app` } })
      expect([docker.operation.error, docker.operation.result_image_uuid]).toEqual([null, id])

      const errorOf = async (url: string) => (await importing(engine, { registry: { url } })).operation.error as string
      expect(await errorOf(`oci:${layout}:v2`)).toMatch(/no image v2; it has v1/)
      expect(await errorOf(`docker-archive:${local}/docker.tar:nope`)).toMatch(/no such image; it has app:latest/)
      expect(await errorOf(`oci:${local}/nothing`)).toMatch(/is not there/)
      // what lies elsewhere is refused in the same words, there or not
      expect((await errorOf("oci:/no/such")).replace("/no/such", "/etc")).toBe(await errorOf("oci:/etc"))
      expect(await errorOf("oci:/etc")).toMatch(/localImages/)
      Fs.symlinkSync("/etc", join(local, "out"))
      expect(await errorOf(`oci:${local}/out`)).toMatch(/localImages/)
      const top = join(layout, "blobs", "sha256", made.layers[1]!.digest.slice(7))
      Fs.writeFileSync(top, Buffer.from(made.layers[1]!.bytes).fill("#", 20, 21))
      expect(await errorOf(`oci:${layout}:v1`)).toMatch(/is not what its digest says/)
      Fs.writeFileSync(top, "short")
      expect(await errorOf(`oci:${layout}:v1`)).toMatch(/has 5 bytes, and it should be/)
      // what would be waited for without end
      Fs.rmSync(top)
      execFileSync("mkfifo", [top])
      expect(await errorOf(`oci:${layout}:v1`)).toMatch(/is no file/)
      execFileSync("mkfifo", [join(local, "pipe.tar")])
      for (const form of ["oci-archive", "docker-archive"]) {
        expect(await errorOf(`${form}:${local}/pipe.tar`)).toMatch(/pipe\.tar is no file/)
      }
    }))

  it.effect("that ask for what cannot be are 400, and nothing is begun", () =>
    withBoth(async (engine) => {
      const refusal = async (body: object) => {
        const { json, status } = await engine.call("POST", "/v1/images/import", { body })
        expect(status).toBe(400)
        return json.error as string
      }
      const registry = { url: "docker://busybox" }
      expect(await refusal({ registry: { url: "docker://UPPER" } })).toMatch(/registry.url/)
      expect(await refusal({ registry: { url: "oci:relative" } })).toMatch(/absolute path/)
      expect(await refusal({ registry, tag: "a b" })).toMatch(/tag/)
      expect(await refusal({ registry, timeout: 0 })).toMatch(/timeout/)
      expect(await refusal({ registry, timeout: 3601 })).toMatch(/timeout/)
      expect(await refusal({ registry: { ...registry, credentials: { username: "x", password: "" } } })).toMatch(/both/)
      const secret = await refusal({ registry: { url: "docker://me:hunter2@host/x" } })
      expect(secret).not.toContain("hunter2")
    }))
})

import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Challenge from "../../src/oci/Challenge.js"
import * as Manifest from "../../src/oci/Manifest.js"
import * as Source from "../../src/oci/Source.js"
import * as Tar from "./Tar.js"

const digest = `sha256:${"a".repeat(64)}`

describe("where an image is", () => {
  it.each<[string, string]>([
    ["docker://docker.io/library/busybox:latest", "docker.io/library/busybox:latest"],
    ["docker://busybox", "docker.io/library/busybox:latest"],
    ["busybox:1.36", "docker.io/library/busybox:1.36"],
    ["oci://ghcr.io/team/app", "ghcr.io/team/app:latest"],
    [`docker://localhost:5000/a/b:tag@${digest}`, `localhost:5000/a/b@${digest}`],
    ["oci:/images/layout", "oci:/images/layout"],
    ["oci:/images/layout:v1", "oci:/images/layout:v1"],
    ["oci:/images//a/../layout:v1", "oci:/images/layout:v1"],
    ["oci-archive:/images/x.tar:v1", "oci-archive:/images/x.tar:v1"],
    ["docker-archive:/images/x.tar:quay.io/a/b:v1", "docker-archive:/images/x.tar:quay.io/a/b:v1"]
  ])("%s", (url, expected) => {
    expect(Either.map(Source.parse(url), Source.format)).toEqual(Either.right(expected))
  })

  it.each([
    "",
    "docker://",
    "oci:relative/path",
    "docker-archive:x.tar",
    "tag:mine",
    "ftp://host/x",
    `docker://a@sha512:${"0".repeat(128)}`,
    "docker://host.example/UPPER"
  ])(
    "nothing to import: %s",
    (url) => expect(Either.isLeft(Source.parse(url))).toBe(true)
  )
})

describe("challenges", () => {
  it("are read with their quotes, commas and cases", () => {
    expect(Challenge.parse("BEARER Realm=\"https://a/t?x=1,2\" , service=\"s \\\"q\\\"\",scope=repository:a/b:pull"))
      .toEqual({
        _tag: "Bearer",
        realm: "https://a/t?x=1,2",
        service: "s \"q\"",
        scope: "repository:a/b:pull"
      })
    expect(Challenge.parse("Basic realm=\"Bearer realm=x\"")).toEqual({ _tag: "Basic" })
    expect(Challenge.parse("Basic realm=\"x\", Bearer realm=\"https://t\"")).toMatchObject({ realm: "https://t" })
    expect(Challenge.parse("Bearer realm=\"https://t\", Basic realm=\"x\"")).toMatchObject({ realm: "https://t" })
    expect([Challenge.parse(""), Challenge.parse("Negotiate abc"), Challenge.parse("Bearer error=\"x\"")]).toEqual([
      undefined,
      undefined,
      undefined
    ])
  })

  it("of any text come back as they were written", () => {
    const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
    const quote = (value: string) => `"${value.replace(/["\\]/g, "\\$&")}"`
    fc.assert(fc.property(text, text, text, (realm, service, scope) => {
      const header = `Bearer realm=${quote(realm)},service=${quote(service)},scope=${quote(scope)}`
      expect(Challenge.parse(header)).toEqual({ _tag: "Bearer", realm, service, scope })
    }))
  })

  it("of any bytes break nothing", () => {
    fc.assert(fc.property(fc.string(), (header) => void Challenge.parse(header)))
  })
})

const linux = (architecture: string, variant?: string) => ({ os: "linux", architecture, variant })
const entry = (name: string, platform?: Manifest.Descriptor["platform"]): Manifest.Descriptor => ({
  mediaType: "",
  digest: `sha256:${name.repeat(64)}`,
  size: 1,
  platform
})

describe("of an index", () => {
  const choose = (manifests: ReadonlyArray<Manifest.Descriptor>, architecture = "arm64") =>
    Either.mapBoth(Manifest.choose(manifests, { os: "linux", architecture }), {
      onLeft: (error) => error.description,
      onRight: (chosen) => chosen.digest.charAt(7)
    })

  it("the image for this machine is chosen", () => {
    const all = [
      entry("a", linux("amd64")),
      entry("b", { os: "windows", architecture: "arm64" }),
      entry("c", { os: "unknown", architecture: "unknown" }),
      entry("d", linux("arm64", "v9")),
      entry("e", linux("arm64", "v8"))
    ]
    expect([choose(all), choose(all, "amd64")]).toEqual([Either.right("e"), Either.right("a")])
    expect(choose(all, "riscv64")).toEqual(
      Either.left("the image is not made for linux/riscv64, but for linux/amd64, windows/arm64, linux/arm64")
    )
  })

  it("the only one is taken where it says nothing", () => {
    expect(choose([entry("a")])).toEqual(Either.right("a"))
    expect(choose([entry("a", { os: "unknown" }), entry("b")])).toEqual(Either.right("b"))
    expect(Either.isLeft(choose([entry("a", linux("amd64"))]))).toBe(true)
    expect(Either.isLeft(choose([]))).toBe(true)
  })
})

describe("documents", () => {
  const made = Tar.image([Buffer.alloc(1024)], {
    config: { Env: ["A=1", "B=x=y", "A=2", "bad", "=worse"], WorkingDir: "w" }
  })

  it("say what they are, whatever the server says", () => {
    expect(Either.map(Manifest.parse(made.manifest.bytes, "text/plain"), (found) => found._tag)).toEqual(
      Either.right("Manifest")
    )
    expect(Either.map(Manifest.parse(Tar.index([{ made }]).bytes), (found) => found._tag)).toEqual(
      Either.right("Index")
    )
  })

  it.each<[string, unknown, string]>([
    ["no JSON", "<html>", "BadContent"],
    ["another kind", { hello: 1 }, "BadContent"],
    ["null", null, "BadContent"],
    ["schema 1", { schemaVersion: 1, fsLayers: [] }, "Unsupported"],
    ["a digest that is none", { config: { digest: "sha256:x", size: 1 }, layers: [] }, "BadContent"],
    ["a size below zero", { config: { digest, size: -1 }, layers: [] }, "BadContent"],
    ["too many layers", { config: { digest, size: 1 }, layers: Array(1001).fill({ digest, size: 1 }) }, "TooLarge"]
  ])("%s is refused", (_, value, reason) => {
    const text = typeof value === "string" ? value : JSON.stringify(value)
    expect(Either.flip(Manifest.parse(Buffer.from(text)))).toMatchObject(Either.right({ reason }))
  })

  it("tell the environment and the folder to begin in", () => {
    const config = Either.getOrThrow(Manifest.parseConfig(made.config.bytes))
    expect([Manifest.envOf(config), Manifest.cwdOf(config)]).toEqual([{ A: "2", B: "x=y" }, "/w"])
    const bare = Either.getOrThrow(Manifest.parseConfig(Buffer.from(JSON.stringify({ rootfs: { diff_ids: null } }))))
    expect([Manifest.envOf(bare), Manifest.cwdOf(bare)]).toEqual([{}, ""])
    expect(Either.isRight(Manifest.checkPlatform(bare))).toBe(true)
  })

  it("know which layers can be read", () => {
    const readable = (mediaType: string) => Either.isRight(Manifest.checkLayer({ ...entry("a"), mediaType }))
    expect([
      "",
      "application/vnd.oci.image.layer.v1.tar",
      "application/vnd.oci.image.layer.v1.tar+zstd",
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
      "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    ].map(readable)).toEqual([true, true, true, true, true])
    expect(["application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "application/wasm"].map(readable)).toEqual([
      false,
      false
    ])
  })
})

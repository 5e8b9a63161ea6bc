import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck, Schema } from "effect"
import * as Wire from "../../src/schemas/Wire.js"

const uuid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"

/** What the other side makes of it: JSON has no -0. */
const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const plus = (value: unknown): unknown => JSON.parse(JSON.stringify(value), (_, part: unknown) => part === 0 ? 0 : part)

const models: ReadonlyArray<[string, Schema.Schema.AnyNoContext]> = Object.entries(Wire).flatMap(([name, value]) =>
  Schema.isSchema(value) ? [[name, value as Schema.Schema.AnyNoContext] as [string, Schema.Schema.AnyNoContext]] : []
)

/** A property that no version has, put into every object but the maps, which have properties of any name. */
const withMore = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withMore)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).map(([key, part]) => [key, isMap(key) ? part : withMore(part)])
  return { ...Object.fromEntries(entries), not_known_yet: { a: [1] } }
}
const isMap = (key: string): boolean =>
  ["env", "files", "permissions", "operations_stat", "limits", "error", "metadata"].includes(key)

describe("every model", () => {
  it("is looked at", () => {
    expect(models.map(([name]) => name)).toEqual(expect.arrayContaining([
      ...["Mode", "ErrorBody", "Image", "ImageList", "TagRequest", "Registry", "ImageImportRequest"],
      ...["ImageImportMetadata", "UploadedFile", "File", "FileList", "FileSpec", "InstanceSpawnRequest", "ExecSpec"],
      ...["SubprocessCreated", "ProcessState", "Resources", "InstanceResult", "InstanceMetadata", "OperationCreated"],
      ...["OperationStatus", "OperationKind", "OperationSummary", "OperationSummaries", "Operation", "FileItem"],
      ...["DirectoryList", "GrepMatch", "GrepResult", "WhoAmI"]
    ]))
  })

  it.each(models)("%s comes back over the wire, whatever else is in it", (name, schema) => {
    const decode = Schema.decodeUnknownSync(schema)
    const encode = Schema.encodeSync(schema)
    FastCheck.assert(
      FastCheck.property(Arbitrary.make(schema), (value) => {
        // A map of JavaScript's has no place for this one key: the decoder drops it, and nothing else.
        FastCheck.pre(!JSON.stringify(value).includes("__proto__"))
        const wire = throughJson(encode(value))
        const again = decode(wire)
        expect(plus(again)).toEqual(plus(value))
        expect(throughJson(encode(again))).toEqual(wire)
        if (name !== "ErrorBody") expect(plus(decode(withMore(wire)))).toEqual(plus(value))
      }),
      { numRuns: 25 }
    )
  })

  it.each(models)("%s says no to what it is not, and throws nothing of its own", (_, schema) => {
    const decode = Schema.decodeUnknownEither(schema)
    FastCheck.assert(
      FastCheck.property(FastCheck.jsonValue({ maxDepth: 3 }), (json) => {
        expect(typeof Either.isLeft(decode(json))).toBe("boolean")
      }),
      { numRuns: 25 }
    )
  })
})

describe("absent, null and a value", () => {
  const decode = Schema.decodeUnknownSync(Wire.InstanceSpawnRequest)
  const encode = Schema.encodeSync(Wire.InstanceSpawnRequest)
  const least = { command: "ls", image: uuid }

  it("are three things both ways", () => {
    for (
      const request of [
        least,
        { ...least, timeout: null, env: null, files: null, stdin: null, networking: null, resources_limits: null },
        { ...least, timeout: 1, env: { A: "1", B: null }, networking: { enabled: null }, stdin: { value: "" } },
        { ...least, stdin: { value: "", encoding: null, close: null }, resources_limits: {}, args: [], shell: false },
        { ...least, files: { "/a": { uuid, mode: null } } }
      ]
    ) {
      expect(throughJson(encode(decode(request)))).toEqual(request)
      expect(Object.keys(decode(request)).sort()).toEqual(Object.keys(request).sort())
    }
  })

  it("an undefined is not sent as anything", () => {
    expect(Either.isLeft(Schema.decodeUnknownEither(Wire.Image)({ uuid, tag: undefined }))).toBe(true)
    expect(Schema.decodeUnknownSync(Wire.Image)({ uuid, tag: null })).toEqual({ uuid, tag: null })
    expect(Schema.decodeUnknownSync(Wire.Image)({ uuid })).toEqual({ uuid })
  })
})

describe("what a request must have", () => {
  it.each<[string, Schema.Schema.AnyNoContext, object]>([
    ["InstanceSpawnRequest", Wire.InstanceSpawnRequest, { command: "ls", image: "tag:x" }],
    ["ExecSpec", Wire.ExecSpec, { command: "ls" }],
    ["ImageImportRequest", Wire.ImageImportRequest, { registry: { url: "docker://x" } }],
    ["TagRequest", Wire.TagRequest, { tag: "x" }],
    ["FileSpec", Wire.FileSpec, { uuid }],
    ["UploadedFile", Wire.UploadedFile, { uuid, sha256: "a".repeat(64), size: 0 }],
    ["WhoAmI", Wire.WhoAmI, { token_uuid: "x", token_expiration: null, permissions: {}, operations_stat: {} }],
    ["ErrorBody", Wire.ErrorBody, { error: { any: "thing" } }],
    ["GrepResult", Wire.GrepResult, { path: "/", patterns: [], matches: [], truncated: false }],
    ["DirectoryList", Wire.DirectoryList, { path: "/", files: [] }],
    ["OperationSummary", Wire.OperationSummary, { uuid }],
    ["Operation", Wire.Operation, { uuid, kind: "instance" }],
    ["OperationCreated", Wire.OperationCreated, { uuid }],
    ["SubprocessCreated", Wire.SubprocessCreated, { spid: 2 }],
    ["InstanceResult", Wire.InstanceResult, {}]
  ])("%s: nothing less, and it is enough", (name, schema, least) => {
    const decode = Schema.decodeUnknownEither(schema)
    expect(decode(least)).toEqual(Either.right(least))
    const needed = name === "Operation" ? ["uuid"] : Object.keys(least)
    for (const key of needed) {
      const less = Object.fromEntries(Object.entries(least).filter(([name]) => name !== key))
      expect([key, Either.isLeft(decode(less))]).toEqual([key, true])
    }
  })

  it("every field of a folder's entry", () => {
    const item = {
      size: 1,
      path: "a",
      owner: 0,
      group: "root",
      uid: 0,
      gid: 0,
      mode: 33188,
      mtime: 0,
      nlink: 1,
      is_dir: false,
      is_regular: true,
      is_symlink: false,
      is_socket: false,
      is_fifo: false,
      symlink_to: ""
    }
    const decode = Schema.decodeUnknownEither(Wire.FileItem)
    expect(decode(item)).toEqual(Either.right(item))
    for (const key of Object.keys(item)) expect(Either.isLeft(decode({ ...item, [key]: null }))).toBe(true)
    for (const mtime of [8_640_000_000_000, -8_640_000_000_000]) {
      expect(Either.isRight(decode({ ...item, mtime }))).toBe(true)
      expect(Number.isNaN(new Date(mtime * 1000).getTime())).toBe(false)
    }
    for (const mtime of [9e12, -9e12, 1e300]) expect(Either.isLeft(decode({ ...item, mtime }))).toBe(true)
  })

  it("no id that climbs out of a path", () => {
    for (const bad of ["..", "a/b", `${uuid}/..`, "%2e%2e", ""]) {
      expect(Either.isLeft(Schema.decodeUnknownEither(Wire.Image)({ uuid: bad }))).toBe(true)
      expect(Either.isLeft(Schema.decodeUnknownEither(Wire.OperationCreated)({ uuid: bad }))).toBe(true)
    }
  })
})

describe("Mode", () => {
  const decode = Schema.decodeUnknownEither(Wire.Mode)

  it("reads its four forms and writes one", () => {
    FastCheck.assert(FastCheck.property(FastCheck.integer({ min: 0, max: 0o7777 }), (mode) => {
      const text = mode.toString(8)
      for (const form of [text.padStart(4, "0"), text, `0o${text}`, `0${text.padStart(3, "0")}`, mode]) {
        expect(decode(form)).toEqual(Either.right(mode))
      }
      expect(Schema.encodeSync(Wire.Mode)(mode)).toBe(text.padStart(4, "0"))
    }))
  })

  it.each(["", "8", "0x1ff", "rwx", "-644", "6 4 4", "10000", "0o", "0644\n", -1, 0o10000, 0.5, NaN, null, true])(
    "refuses %j",
    (form) => {
      expect(Either.isLeft(decode(form))).toBe(true)
    }
  )
})

describe("what is not known yet", () => {
  it("a new status or kind is kept as it is, and is no end", () => {
    const summary = { uuid, status: "THAWING", kind: "volume" }
    expect(Schema.decodeUnknownSync(Wire.OperationSummary)(summary)).toEqual(summary)
    expect(Wire.isTerminal("THAWING")).toBe(false)
    for (const status of ["PENDING", "ASSIGNED", "EXECUTING", "success", null, undefined]) {
      expect(Wire.isTerminal(status)).toBe(false)
    }
    for (const status of ["SUCCESS", "FAILED", "CANCELLED"]) expect(Wire.isTerminal(status)).toBe(true)
  })

  it("the metadata of a new kind, or of none, is left as it is", () => {
    for (const kind of [{ kind: "volume" }, { kind: null }, {}]) {
      for (const metadata of [{ image: 1, command: [] }, "text", null, [1]]) {
        const operation = { uuid, ...kind, metadata }
        expect(Schema.decodeUnknownSync(Wire.Operation)(operation)).toEqual(operation)
      }
    }
  })

  it("the metadata of a known kind is read as that kind's", () => {
    const decode = Schema.decodeUnknownEither(Wire.Operation)
    const run = { uuid, kind: "instance", metadata: { command: "ls", files: { "/a": { uuid, mode: "0755" } } } }
    expect(decode(run)).toEqual(
      Either.right({ ...run, metadata: { command: "ls", files: { "/a": { uuid, mode: 0o755 } } } })
    )
    expect(Either.isLeft(decode({ ...run, metadata: { command: 1 } }))).toBe(true)
    const registry = { url: "docker://x", credentials: { username: "u", password: "<MASKED>" } }
    const load = { uuid, kind: "image_import", metadata: { registry, tag: null, timeout: 300 } }
    expect(decode(load)).toEqual(Either.right(load))
    expect(Either.isLeft(decode({ ...load, metadata: { registry: "docker://x" } }))).toBe(true)
  })

  it("a grep match of a new type is kept", () => {
    const match = {
      path: "a",
      line_number: 1,
      absolute_offset: 0,
      line_text: "x\n",
      line_bytes: 2,
      submatches: [{ text: "x", start: 0, end: 1 }],
      type: "summary"
    }
    expect(Schema.decodeUnknownSync(Wire.GrepMatch)(match)).toEqual(match)
  })
})

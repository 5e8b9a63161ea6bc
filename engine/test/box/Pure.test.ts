import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Option } from "effect"
import { execFileSync } from "node:child_process"
import type { BoxSpec } from "../../src/box/BoxSpec.js"
import { mountOptions } from "../../src/box/Chain.js"
import { roomError } from "../../src/box/Outcome.js"
import { refusalOf } from "../../src/run/Subprocess.js"
import { quote, words } from "../../src/box/ShellText.js"
import * as ShimReport from "../../src/box/ShimReport.js"
import * as Validate from "../../src/box/Validate.js"

const spec = (overrides: Partial<BoxSpec> = {}): BoxSpec => ({
  operationId: "0190-op",
  layers: ["l/1", "l/2"],
  upper: "tmp/op/u",
  work: "tmp/op/w",
  command: "true",
  args: [],
  shell: false,
  env: {},
  cwd: "",
  uid: 0,
  gid: 0,
  hostname: "linuxkit",
  stdin: new Uint8Array(0),
  files: [],
  timeoutSeconds: 60,
  network: "none",
  maxLayerBytes: 1,
  ...overrides
})

const reasonOf = (overrides: Partial<BoxSpec>, mode: "root" | "user" = "root"): string =>
  Effect.runSync(
    Validate.validate(spec(overrides), mode, mountOptions(spec(overrides), mode === "user")).pipe(
      Effect.match({ onFailure: (error) => error.reason, onSuccess: () => "fine" })
    )
  )

describe("quoting", () => {
  it.prop(
    "a shell reads back what was quoted",
    [fc.array(fc.string({ unit: "binary" }), { maxLength: 20 })],
    ([list]) => {
      const usable = list.map((word) => Buffer.from(word.replaceAll("\0", "")).toString("utf8"))
      const output = execFileSync("/bin/sh", ["-c", `printf '%s\\0' x ${words(usable)}`], { encoding: "utf8" })
      expect(output.split("\0").slice(1, -1)).toEqual(usable)
    },
    { fastCheck: { numRuns: 40 } }
  )

  it("a quote is the only character that needs care", () => {
    expect(quote("a'b\"c\n$`\\")).toBe(`'a'\\''b"c\n$\`\\'`)
  })
})

describe("mount options", () => {
  it("put the top layer first and relative names only", () => {
    expect(mountOptions({ layers: ["l/1", "l/2", "l/3"], upper: "tmp/x/u", work: "tmp/x/w" }, false)).toBe(
      "lowerdir=l/3:l/2:l/1,upperdir=tmp/x/u,workdir=tmp/x/w,volatile,redirect_dir=nofollow,metacopy=off,index=off"
    )
    expect(mountOptions(spec(), true)).toMatch(/,userxattr$/)
  })
})

describe("what is refused without looking", () => {
  it("nothing that a run may be", () => {
    expect(reasonOf({})).toBe("fine")
    expect(reasonOf({ shell: true, command: "" })).toBe("fine")
    expect(reasonOf({ env: { "a.b-c d": "x=y\n", "-n": "" }, args: ["", "\n", "ä"], cwd: "/a b" })).toBe("fine")
    expect(reasonOf({ uid: 4_294_967_294, gid: 1 })).toBe("fine")
    expect(reasonOf({ args: Array.from({ length: 9_000 }, () => "x") })).toBe("fine")
    expect(reasonOf({ args: ["x".repeat(131_071)] })).toBe("fine")
    expect(reasonOf({ layers: Array.from({ length: 499 }, (_, i) => `l/${i.toString(36)}`) })).toBe("fine")
  })

  const refused: ReadonlyArray<readonly [string, Partial<BoxSpec>]> = [
    ["an empty command", { command: "" }],
    ["a NUL in the command", { command: "a\0b" }],
    ["a NUL in an argument", { args: ["fine", "a\0b"] }],
    ["an argument that is too long", { args: ["x".repeat(131_072)] }],
    ["one that is too long in bytes", { args: ["ä".repeat(65_536)] }],
    ["too many arguments", { args: Array.from({ length: 9_001 }, () => "x") }],
    ["too many variables", { env: Object.fromEntries(Array.from({ length: 2_901 }, (_, i) => [`V${i}`, ""])) }],
    ["too much in all", { args: Array.from({ length: 100 }, () => "x".repeat(30_000)) }],
    ["an empty name", { env: { "": "x" } }],
    ["a name with =", { env: { "a=b": "x" } }],
    ["a NUL in a name", { env: { "a\0": "x" } }],
    ["a NUL in a value", { env: { a: "\0" } }],
    ["a value that is too long", { env: { a: "x".repeat(131_070) } }],
    ["a relative cwd", { cwd: "home" }],
    ["a NUL in cwd", { cwd: "/a\0" }],
    ["no host name", { hostname: "" }],
    ["a host name with a space", { hostname: "a b" }],
    ["one that is too long", { hostname: "x".repeat(65) }],
    ["a negative uid", { uid: -1 }],
    ["a uid that is no number", { uid: Number.NaN }],
    ["the uid that means none", { uid: 4_294_967_295 }],
    ["no time at all", { timeoutSeconds: 0 }],
    ["no size at all", { maxLayerBytes: 0 }],
    ["no layers", { layers: [] }],
    ["500 layers", { layers: Array.from({ length: 500 }, (_, i) => `l/${i}`) }],
    ["more options than a page", { layers: Array.from({ length: 400 }, () => "l/abcdefghijk") }],
    ["a layer that climbs", { layers: ["../l/1"] }],
    ["a layer with an option in it", { layers: ["l/1,xino=on"] }],
    ["an operation with a slash", { operationId: "a/b" }]
  ]
  for (const [name, overrides] of refused) {
    it(name, () => expect(reasonOf(overrides)).toBe("InvalidSpec"))
  }

  it("other users, only where there are none", () => {
    expect(reasonOf({ uid: 1 }, "user")).toBe("UnsupportedUser")
    expect(reasonOf({ gid: 1 }, "user")).toBe("UnsupportedUser")
    expect(reasonOf({}, "user")).toBe("fine")
    expect(reasonOf({ uid: -1 }, "user")).toBe("InvalidSpec")
  })

  it("a refusal never holds a value", () => {
    const error = Effect.runSync(Effect.flip(Validate.validate(spec({ env: { TOKEN: "hunter2\0" } }), "root", "")))
    expect(JSON.stringify(error) + String(error)).not.toContain("hunter2")
  })
})

describe("the shim's report", () => {
  const line = "report op 3 0.25 0.50 4000 10 2 7 8 16 24 0 0 0 1 2 3"

  it("is read with its units", () => {
    const report = Option.getOrThrow(
      ShimReport.parse(`pid 3\nCommand exited with non-zero status 3\n${line}\n`, "op", 4)
    )
    expect([report.code, report.signal]).toEqual([3, -1])
    expect(report.resources).toMatchObject({
      userTimeUs: 250_000,
      sysTimeUs: 500_000,
      maxRssKb: 1000,
      minorFaults: 10,
      majorFaults: 2,
      voluntaryCtxSwitches: 7,
      involuntaryCtxSwitches: 8,
      blockInputOps: 16,
      blockOutputOps: 24,
      signalsReceived: 1,
      ipcMsgsSent: 2,
      ipcMsgsReceived: 3
    })
  })

  it("says signals apart from codes", () => {
    const report = Option.getOrThrow(ShimReport.parse(`Command terminated by signal 15\n${line}\n`, "op", 1))
    expect([report.code, report.signal]).toEqual([-1, 15])
  })

  it.prop(
    "whatever a command writes there is none, or well-formed",
    [fc.string(), fc.array(fc.integer())],
    ([noise, numbers]) => {
      for (
        const text of [noise, `report op ${numbers.join(" ")}`, `report op ${noise}`, `report other ${line.slice(10)}`]
      ) {
        const found = ShimReport.parse(text, "op", 1)
        if (Option.isSome(found)) expect(Number.isInteger(found.value.code)).toBe(true)
      }
      expect(Option.isSome(ShimReport.parse(`${noise}\n${line}\n`, "op", 1))).toBe(true)
    }
  )
})

describe("a failed system call in the room of a chain", () => {
  const errorOf = (code: string) => roomError("preparing", Object.assign(new Error(code), { code }))

  it("on what is not there says that the chain is over", () => {
    for (const code of ["ENOENT", "ESRCH"]) expect(errorOf(code).message).toMatch(/preparing: .*ended without a word/)
  })

  it("without room says whose it is and is 507 to who asks, and with another reason that reason", () => {
    expect(errorOf("ENOSPC").message).toMatch(/inputs and arguments of the processes of one run have 256 MiB/)
    expect(refusalOf(errorOf("ENOSPC"))).toMatchObject({ status: 507, error: errorOf("ENOSPC").description })
    expect(refusalOf(errorOf("EACCES")).error).not.toContain("EACCES")
    expect(errorOf("EACCES").message).toMatch(/EACCES/)
  })
})

import { describe, expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { PathError } from "../../src/image/PathError.js"
import { EventLogError } from "../../src/run/EventLogError.js"
import * as Failure from "../../src/server/Failure.js"
import * as Start from "../../src/server/Start.js"
import { StoreError } from "../../src/store/StoreError.js"

describe("options", () => {
  const cases: ReadonlyArray<readonly [Start.Options, string, string]> = [
    [{ store: "" }, "StoreUnusable", "store"],
    [{ concurrency: 0 }, "InvalidOption", "concurrency"],
    [{ concurrency: 1.5 }, "InvalidOption", "concurrency"],
    [{ concurrency: Number.NaN }, "InvalidOption", "concurrency"],
    [{ maxUploadBytes: -1 }, "InvalidOption", "maxUploadBytes"],
    [{ maxImageBytes: 0 }, "InvalidOption", "maxImageBytes"],
    [{ maxMemoryBytes: 1_000_000 }, "InvalidOption", "maxMemoryBytes"],
    [{ idleMillis: 0 }, "InvalidOption", "idleMillis"],
    [{ keepAliveMillis: 0 }, "InvalidOption", "keepAliveMillis"],
    [{ keepAliveMillis: 500, idleMillis: 500 }, "InvalidOption", "keepAliveMillis"],
    [{ port: -1 }, "InvalidOption", "port"],
    [{ port: 65_536 }, "InvalidOption", "port"],
    [{ host: "" }, "InvalidOption", "host"],
    [{ host: "0.0.0.0" }, "InvalidOption", "host"],
    [{ host: "::" }, "InvalidOption", "host"],
    [{ host: "127.0.0.1.example" }, "InvalidOption", "host"],
    [{ token: Redacted.make("") }, "InvalidOption", "token"],
    [{ token: Redacted.make("two words") }, "InvalidOption", "token"],
    [{ localImages: [""] }, "InvalidOption", "localImages"],
    [{ localImages: ["/", "/nowhere/at/all"] }, "InvalidOption", "localImages"],
    [{ localImages: ["/proc/self/status"] }, "InvalidOption", "localImages"],
    [{ insecureRegistries: [""] }, "InvalidOption", "insecureRegistries"],
    [{ insecureRegistries: ["http://registry"] }, "InvalidOption", "insecureRegistries"],
    [{ insecureRegistries: ["registry:0"] }, "InvalidOption", "insecureRegistries"],
    [{ insecureRegistries: ["registry:5000", "registry:65536"] }, "InvalidOption", "insecureRegistries"],
    [{ insecureRegistries: ["registry/app"] }, "InvalidOption", "insecureRegistries"]
  ]
  for (const [options, reason, name] of cases) {
    it.scopedLive(`${JSON.stringify(options)} is refused before anything is made`, () =>
      Effect.gen(function*() {
        // a store that cannot be: were the option not looked at first, this would be the complaint
        const error = yield* Effect.flip(Start.start({ store: "/dev/null/store", ...options }))
        expect([error.reason, error.description]).toEqual([
          reason,
          expect.stringMatching(new RegExp(`option ${name} (is|names)`))
        ])
      }))
  }
})

describe("registries and folders", () => {
  it.scopedLive("of any well-formed name are taken", () =>
    Effect.gen(function*() {
      const insecureRegistries = ["registry", "registry.example:5000", "127.0.0.1:5000", "[::1]:5000", "[::1]"]
      const error = yield* Effect.flip(
        Start.start({ store: "/dev/null/store", localImages: ["/", "."], insecureRegistries })
      )
      // all that is wrong is the store
      expect(error.reason).toBe("StoreUnusable")
    }))
})

describe("failures", () => {
  it("tell clients no path of the host", () => {
    const description =
      "making it: ENOENT: no such file or directory, mkdir '/home/me/store/tmp/x'; see /home/me/store."
    for (const reason of ["Busy", "DiskFull", "Unusable"] as const) {
      const { error } = Failure.toRefusal(new StoreError({ reason, description }), "/home/me/store")
      expect(error).not.toContain("/home")
      expect(error).toContain("ENOENT: no such file or directory")
    }
  })

  it("of a layer that cannot be read are 422", () => {
    const refusal = Failure.toRefusal(
      new PathError({ reason: "Unreadable", path: "/d/f", description: "EACCES" }),
      "/s"
    )
    expect([refusal.status, refusal.error]).toEqual([422, "the engine cannot read \"/d/f\": EACCES"])
  })

  it("of a log on a full disk are 507", () => {
    const description = "ENOSPC: no space left on device, open '/home/me/store/events/op'"
    const refusal = Failure.toRefusal(new EventLogError({ operationId: "op", missing: false, description }), "/s")
    expect([refusal.status, refusal.error.includes("/home")]).toEqual([507, false])
  })
})

import { describe, expect, it } from "@effect/vitest"
import * as Environment from "../../src/run/Environment.js"

describe("Environment", () => {
  it("puts the request over the image over the defaults, and a null removes", () => {
    expect(Environment.complete({
      kept: { PATH: "/image/bin", KEPT: "1", GONE: "1" },
      requested: { GONE: null, NEW: "2", EMPTY: "" },
      home: "/root"
    })).toEqual({ PATH: "/image/bin", HOME: "/root", KEPT: "1", NEW: "2", EMPTY: "" })
    expect(Environment.complete({ kept: {}, requested: { PATH: null }, home: "/" })).toEqual({ HOME: "/" })
  })

  it("keeps no defaults with an image", () => {
    expect(Environment.merge({ A: "1", B: "2" }, { B: null, C: "3" })).toEqual({ A: "1", C: "3" })
  })

  it("finds the home folder of a user", () => {
    const passwd =
      "root:x:0:0:root:/var/root:/bin/sh\nbroken\nshort:x:7\nrel:x:8:8::home:/bin/sh\nu:x:1000:1000::/home/u:\n"
    expect(Environment.homeOf(0, passwd)).toBe("/var/root")
    expect(Environment.homeOf(1000, passwd)).toBe("/home/u")
    expect(Environment.homeOf(8, passwd)).toBe("/")
    expect(Environment.homeOf(7, passwd)).toBe("/")
    expect(Environment.homeOf(0, "")).toBe("/root")
  })

  it("hides what is called like a secret", () => {
    const secrets = [
      "GITHUB_TOKEN",
      "token",
      "My_Secret",
      "DB_PASSWORD",
      "OPENAI_API_KEY",
      "credentials",
      "X_AUTHORIZATION"
    ]
    const plain = ["TOKEN_FILE", "PASSWORDLESS", "APIKEY", "PATH"]
    const env = Object.fromEntries([...secrets, ...plain].map((name) => [name, "value"]))
    const redacted = Environment.redact(env)
    for (const name of secrets) expect(redacted[name], name).toBe("<REDACTED>")
    for (const name of plain) expect(redacted[name], name).toBe("value")
  })
})

import { describe, expect, it } from "@effect/vitest"
import * as Guard from "../../src/server/Guard.js"

const id = "01234567-89ab-cdef-0123-456789abcdef"
const sha = "a".repeat(64)

describe("Guard", () => {
  it("lets in the token and nothing else", () => {
    const allowed = Guard.isAuthorized("secret-token")
    expect(allowed("Bearer secret-token")).toBe(true)
    expect(allowed("bearer   secret-token")).toBe(true)
    for (
      const header of [undefined, "", "Bearer", "Bearer ", "secret-token", "Basic secret-token", "Bearer secret-toke"]
        .concat("Bearer secret-tokenx", "Bearer secret-token x", "Bearer SECRET-TOKEN")
    ) {
      expect(allowed(header), header).toBe(false)
    }
    expect(Guard.isAuthorized("")("Bearer ")).toBe(false)
  })

  it("lets in whoever names it right, and no page of another origin", () => {
    const here = { address: "127.0.0.1", port: 4321 }
    const status = (host?: string, origin?: string, listening = here): number | undefined =>
      Guard.refuseSender(listening)({ ...(host !== undefined && { host }), ...(origin !== undefined && { origin }) })
        ?.status
    expect([status("127.0.0.1:4321"), status("LocalHost:4321")]).toEqual([undefined, undefined])
    expect(status("127.0.0.1:4321", "http://127.0.0.1:4321")).toBeUndefined()
    for (
      const host of [undefined, "", "127.0.0.1", "127.0.0.1:1234", "evil.example:4321", "127.0.0.1:4321.evil.example"]
        .concat("127.0.0.1.evil.example:4321", "[::1]:4321", "user@127.0.0.1:4321")
    ) {
      expect(status(host), host).toBe(403)
    }
    for (
      const origin of ["", "null", "http://evil.example", "https://127.0.0.1:4321", "http://127.0.0.1"]
        .concat("http://localhost:4321", "http://127.0.0.1:4321/")
    ) {
      expect(status("127.0.0.1:4321", origin), origin).toBe(403)
    }
    const of = (address: string, port = 4321) => (host: string, origin?: string) =>
      status(host, origin, { address, port })
    expect(of("::1")("[::1]:4321")).toBeUndefined()
    expect(of("127.0.0.2")("127.0.0.2:4321")).toBeUndefined()
    expect(of("127.0.0.1", 80)("127.0.0.1")).toBeUndefined()
    expect([of("::1")("evil.example:4321"), of("127.0.0.2")("127.0.0.3:4321")]).toEqual([403, 403])
    // other machines know it under names that it cannot know
    expect(of("0.0.0.0")("build-box:4321")).toBeUndefined()
    expect(of("192.0.2.7")("192.0.2.7:4321", "http://192.0.2.7:4321")).toBeUndefined()
    expect(of("0.0.0.0")("build-box:4321", "http://evil.example")).toBe(403)
  })

  it("knows every route of the wire", () => {
    for (
      const [method, path] of [
        ["GET", "/v1/whoami"],
        ["GET", "/v1/images?limit=5"],
        ["POST", "/v1/images/import"],
        ["PATCH", `/v1/images/${id}/tag`],
        ["DELETE", `/v1/images/${id.toUpperCase()}/tag?tag=x`],
        ["GET", `/v1/files/${sha}`],
        ["HEAD", `/v1/files/${sha}`],
        ["GET", `/v1/operations/${id}/events?follow=1`],
        ["DELETE", `/v1/operations/${id}/subprocesses/2?signal=TERM`],
        ["GET", "/v1/inspect/?tag=a%2Fb"],
        ["GET", `/v1/inspect/${id}/`],
        ["HEAD", `/v1/inspect/${id}/download?path=/etc/../x`]
      ] as const
    ) {
      expect(Guard.refusePath(method, path), path).toBeUndefined()
    }
  })

  it("gives each thing one name: no other case, slash, dot or escape", () => {
    for (
      const path of [
        "",
        "/",
        "*",
        "/v1",
        "/v1/",
        "/v1/whoami/",
        "/V1/whoami",
        "/v1/Whoami",
        "//v1/whoami",
        "/v1//whoami",
        "/v1/./whoami",
        "/v1/x/../whoami",
        "/v1/%77hoami",
        "/v1/images/%2e%2e/tag",
        `/v1/inspect/${id}%2f..%2fx/download`,
        `/v1/inspect/${id};x/download`,
        `/v1/operations/${id}/`,
        `/v1/operations/${id}/event`,
        "/v1/projects",
        "http://127.0.0.1/v1/whoami",
        "/v1/whoami#x",
        "/v1/whoami\0"
      ]
    ) {
      expect(Guard.refusePath("GET", path)?.status, path).toBe(404)
    }
  })

  it("refuses other methods with those that it knows, and ids of another form", () => {
    expect(Guard.refusePath("POST", "/v1/whoami")).toMatchObject({ status: 405, allow: "GET" })
    expect(Guard.refusePath("PUT", "/v1/files")).toMatchObject({ status: 405, allow: "GET, POST" })
    expect(Guard.refusePath("GET", "/v1/images/import")).toMatchObject({ status: 405, allow: "POST" })
    for (
      const path of ["/v1/operations/x", "/v1/operations/-", `/v1/operations/${id}0`, "/v1/inspect/abc/"]
        .concat(`/v1/files/${id}`, `/v1/operations/${id}/subprocesses/x`)
    ) {
      expect(Guard.refusePath("GET", path)?.status, path).toBe(400)
    }
  })
})

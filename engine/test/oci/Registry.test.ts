/** What is asked of whom: a client that never leaves this process answers, so that other hosts than this one can be had. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, Redacted, Stream, TestClock } from "effect"
import type { Descriptor } from "../../src/oci/Manifest.js"
import * as Registry from "../../src/oci/Registry.js"
import { digestOf } from "./Tar.js"

interface Asked {
  readonly url: string
  readonly authorization: string | undefined
}

const ada = { username: "ada", password: "p4ss/word" }
const basic = `Basic ${Buffer.from(`${ada.username}:${ada.password}`).toString("base64")}`

const setUp = (
  registry: string,
  answer: (url: string, asked: Asked) => Response,
  options: { readonly insecure?: ReadonlyArray<string>; readonly anonymous?: boolean } = {}
) => {
  const asked: Array<Asked> = []
  const troubles: Array<string> = []
  const client = HttpClient.make((request, url) =>
    Effect.suspend(() => {
      const one = { url: url.href, authorization: request.headers["authorization"] }
      asked.push(one)
      const response = answer(url.href, one)
      return response.type === "error"
        ? new HttpClientError.RequestError({ request, reason: "Transport", cause: new Error("connect ECONNREFUSED") })
        : Effect.succeed(HttpClientResponse.fromWeb(request, response))
    })
  )
  return {
    asked,
    troubles,
    registry: Registry.make({
      client,
      insecure: options.insecure ?? [],
      source: { _tag: "Registry", registry, repository: "team/app", reference: "v1" },
      credentials: options.anonymous === true
        ? Option.none()
        : Option.some({ username: ada.username, password: Redacted.make(ada.password) }),
      onTrouble: ({ description }) => troubles.push(description)
    })
  }
}

const redirect = (to: string): Response => new Response(null, { status: 307, headers: { location: to } })
const challenge = (header: string): Response =>
  new Response("{}", { status: 401, headers: { "www-authenticate": header } })
const said = (status: number, message: string): Response =>
  new Response(JSON.stringify({ errors: [{ code: "DENIED", message }] }), { status })

const failure = <A, E>(self: Effect.Effect<A, E>) => Effect.flip(self)

describe("redirects", () => {
  it.effect("are followed, and take the credential to nobody else", () =>
    Effect.gen(function*() {
      const { asked, registry } = setUp("registry.example", (url, { authorization }) => {
        if (authorization === undefined && !url.includes("other")) return challenge("Basic realm=\"x\"")
        if (url.endsWith("/manifests/v1")) return redirect("/v2/moved")
        return url.endsWith("/v2/moved") ? redirect("https://other.example/blob?signed=1") : new Response("here")
      })
      const { bytes } = yield* registry.manifest("v1")
      expect(Buffer.from(bytes).toString()).toBe("here")
      expect(asked).toEqual([
        { url: "https://registry.example/v2/team/app/manifests/v1", authorization: undefined },
        { url: "https://registry.example/v2/team/app/manifests/v1", authorization: basic },
        { url: "https://registry.example/v2/moved", authorization: basic },
        { url: "https://other.example/blob?signed=1", authorization: undefined }
      ])
    }))

  it.effect.each([
    ["http://other.example/x", "a line that anybody reads"],
    ["http://127.0.0.1:8080/x", "what listens on this machine"],
    ["http://[::1]/x", "what listens on this machine"],
    ["https://ada:secret@other.example/", "an address with a name in it"],
    ["file:///etc/passwd", "a file"],
    ["", "nowhere"]
  ])("to %s lead nowhere: %s", ([to = ""]) =>
    Effect.gen(function*() {
      const { asked, registry } = setUp("registry.example", () => redirect(to), { anonymous: true })
      expect(yield* failure(registry.manifest("v1"))).toMatchObject({ reason: "Refused" })
      expect(asked.length).toBe(1)
    }))

  it.effect("go without TLS to what is named insecure, and on this machine", () =>
    Effect.gen(function*() {
      const follows = (registry: string, to: string, insecure: ReadonlyArray<string>) => {
        const answer = (url: string) => url === to ? new Response("here") : redirect(to)
        return setUp(registry, answer, { insecure, anonymous: true }).registry.manifest("v1")
      }
      yield* follows("registry.example", "http://store.example:9000/x", ["store.example:9000"])
      yield* follows("127.0.0.1:5000", "http://127.0.0.1:9000/x", [])
    }))

  it.effect("that never end are an end", () =>
    Effect.gen(function*() {
      const { asked, registry } = setUp("registry.example", (url) => redirect(`${url}x`), { anonymous: true })
      expect(yield* failure(registry.manifest("v1"))).toMatchObject({ reason: "Unreachable" })
      expect(asked.length).toBe(6)
    }))
})

describe("tokens", () => {
  const bearer = (realm: string) => challenge(`Bearer realm="${realm}",service="s"`)

  it.effect.each([
    "http://auth.example/token",
    "http://127.0.0.1:8080/token",
    "ftp://auth.example/",
    "no address"
  ])("are not asked for at %s", (realm) =>
    Effect.gen(function*() {
      const { asked, registry } = setUp("registry.example", () => bearer(realm))
      expect(yield* failure(registry.manifest("v1"))).toMatchObject({ reason: "Refused" })
      expect(asked.map(({ authorization }) => authorization)).toEqual([undefined])
    }))

  it.effect("are asked for over TLS anywhere, and used for the registry alone", () =>
    Effect.gen(function*() {
      const { asked, registry } = setUp("registry.example", (url, { authorization }) => {
        if (url.startsWith("https://auth.example/")) return new Response(JSON.stringify({ token: "t0ken" }))
        return authorization === "Bearer t0ken" ? new Response("here") : bearer("https://auth.example/token?a=b")
      })
      yield* registry.manifest("v1")
      expect(asked[1]).toEqual({
        url: "https://auth.example/token?a=b&service=s&scope=repository%3Ateam%2Fapp%3Apull",
        authorization: basic
      })
      expect(asked[2]?.authorization).toBe("Bearer t0ken")
    }))
})

describe("what a registry says", () => {
  it.effect("is not shown when it repeats a credential, in any form that it was sent in", () =>
    Effect.gen(function*() {
      const forms = [ada.password, encodeURIComponent(ada.password), basic.slice("Basic ".length), "t0ken"]
      for (const form of forms) {
        const { registry } = setUp("registry.example", (url, { authorization }) => {
          if (url.startsWith("https://auth.example/")) return new Response(JSON.stringify({ token: "t0ken" }))
          return authorization === undefined
            ? challenge("Bearer realm=\"https://auth.example/\"")
            : said(403, `not for ${form}!`)
        })
        const error = yield* failure(registry.manifest("v1"))
        expect(error.description).not.toContain(form)
        expect(error.description).toContain("refuses these credentials")
      }
      const { registry } = setUp("registry.example", () => said(403, "not for you"))
      expect((yield* failure(registry.manifest("v1"))).description).toContain("not for you")
    }))

  it.effect("may be that it cannot now: then it is asked five times, as far apart as it wishes", () =>
    Effect.gen(function*() {
      const busy = () => new Response("{}", { status: 503, headers: { "retry-after": "7" } })
      const { asked, registry, troubles } = setUp("registry.example", busy)
      const fiber = yield* Effect.fork(failure(registry.manifest("v1")))
      for (let n = 1; n <= 5; n += 1) {
        yield* TestClock.adjust(Duration.millis(6_999))
        expect(asked.length).toBe(n)
        yield* TestClock.adjust(Duration.millis(1))
      }
      expect(yield* Fiber.join(fiber)).toMatchObject({
        reason: "Unreachable",
        description: expect.stringMatching(/answers with 503/)
      })
      expect(troubles.length).toBe(4)
    }))

  it.effect("may be nothing: that is said, with what to do about it", () =>
    Effect.gen(function*() {
      const { asked, registry } = setUp("registry.example", () => Response.error())
      const fiber = yield* Effect.fork(failure(registry.manifest("v1")))
      yield* TestClock.adjust("1 minute")
      expect((yield* Fiber.join(fiber)).description).toMatch(/cannot be reached \(.*ECONNREFUSED.*insecureRegistries/)
      expect(asked.length).toBe(5)
    }))
})

describe("a blob", () => {
  const bytes = Buffer.from("0123456789")
  const blob: Descriptor = { mediaType: "", digest: digestOf(bytes), size: bytes.length }

  it.effect("is asked for once at a time: who wants it decides about another try", () =>
    Effect.gen(function*() {
      const { asked, registry } = setUp("registry.example", () => new Response("{}", { status: 500 }))
      const error = yield* failure(Effect.scoped(registry.blob(blob.digest, 0)))
      expect([error.retryable, asked.length]).toEqual([true, 1])
    }))

  it.effect("goes on from where it was, or begins anew when the registry does", () =>
    Effect.gen(function*() {
      const from = (status: number, range?: string) => {
        const headers = range === undefined ? undefined : { "content-range": range }
        const { registry } = setUp("registry.example", () =>
          new Response("rest", { status, ...(headers && { headers }) }))
        return Effect.scoped(Effect.gen(function*() {
          const { bytes, restarted } = yield* registry.blob(blob.digest, 4)
          return [restarted, Buffer.concat([...yield* Stream.runCollect(bytes)]).toString()]
        }))
      }
      expect(yield* from(206, "bytes 4-7/8")).toEqual([false, "rest"])
      expect(yield* from(200)).toEqual([true, "rest"])
      // what it sends is from elsewhere
      expect(yield* failure(from(206, "bytes 0-7/8"))).toMatchObject({ retryable: false })
    }))
})

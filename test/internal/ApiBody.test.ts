import { HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ApiBody from "../../src/internal/ApiBody.js"

const request = HttpClientRequest.get("https://contree.example/v1/whoami")

/** which way a body of `size` bytes was read, and whether it was found too long */
const readOf = (headers: Readonly<Record<string, string>>, size: number, limit: number) => {
  const response = new Proxy(HttpClientResponse.fromWeb(request, new Response("s".repeat(size), { headers })), {
    get: (target, key): unknown => key === "text" ? Effect.succeed("at once") : Reflect.get(target, key)
  })
  return Effect.map(
    ApiBody.text(response, limit),
    (text) => text === undefined ? "too long" : text === "at once" ? text : `${text.length} counted`
  )
}

describe("the text of a body", () => {
  it.effect.each(
    [
      [{ "content-length": "11" }, 11, "too long"],
      [{ "content-length": "10" }, 10, "at once"],
      [{}, 10, "10 counted"],
      [{}, 11, "too long"],
      // compressed, of few bytes came many
      [{ "content-encoding": "gzip", "content-length": "5" }, 11, "too long"],
      [{ "content-encoding": "gzip", "content-length": "5" }, 10, "10 counted"],
      // what is no length is as if it were absent
      [{ "content-length": "" }, 11, "too long"],
      [{ "content-length": "5, 5" }, 11, "too long"],
      [{ "content-length": "-5" }, 11, "too long"],
      [{ "content-length": "0" }, 11, "too long"]
    ] as const
  )(
    "is bounded by 10 bytes, by what is read or said before: %j of %i: %s",
    ([headers, size, expected]) =>
      Effect.gen(function*() {
        expect(yield* readOf(headers, size, 10)).toBe(expected)
      })
  )

  it.effect("is counted wherever it is not short, since a hidden encoding may make it any length", () =>
    Effect.gen(function*() {
      const limit = 1024 * 1024
      expect(yield* readOf({ "content-length": "65536" }, 65_536, limit)).toBe("at once")
      expect(yield* readOf({ "content-length": "65537" }, 65_537, limit)).toBe("65537 counted")
      expect(yield* readOf({ "content-length": "65537" }, limit + 1, limit)).toBe("too long")
    }))
})

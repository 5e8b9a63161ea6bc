import { describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { readFileSync } from "node:fs"
import { expect } from "vitest"
import * as HttpText from "../../src/internal/HttpText.js"
import * as Pull from "../../src/internal/Pull.js"
import * as TarEnd from "../../src/internal/TarEnd.js"
import { version } from "../../src/internal/Version.js"

describe("HttpText", () => {
  it("leaves no secret in any text, however it is wrapped", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-~]{8,30}$/), fc.string(), fc.string(), (secret, before, after) => {
        const scrub = HttpText.scrubber(secret)
        for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) {
          expect(HttpText.readableText(before + form + after, scrub, 10_000)).not.toContain(secret)
        }
        expect(HttpText.readableBody(JSON.stringify({ error: before + secret + after }), scrub)).not.toContain(secret)
      })
    )
  })

  it("cuts after it scrubbed, so that no half of a secret is left", () => {
    const secret = "0123456789abcdef"
    const text = HttpText.readableText(`${"x".repeat(295)}${secret}`, HttpText.scrubber(secret), 300)
    expect(text).not.toContain("0123")
  })

  it("takes no time to speak of for a hostile page", () => {
    // Quadratic time would be hours at these lengths, over any time limit of a test, so no clock is needed.
    for (
      const page of ["<".repeat(3_000_000), "<a ".repeat(1_000_000), "<script>".repeat(400_000), "&amp".repeat(750_000)]
        .concat(["<script ", "<style ", "<style x<script "].map((tag) => tag.repeat(1_000_000)))
    ) {
      expect(HttpText.readableText(page, (text) => text).length).toBeLessThan(1000)
    }
  })
})

describe("HttpText, of what is too long", () => {
  it("says how much there is more, and reads no further than a page's beginning", () => {
    const plain = HttpText.readableText("y".repeat(100_000), (text) => text)
    expect(plain).toBe(`${"y".repeat(300)}... (99700 characters more)`)
    const page = HttpText.readableText(`<p>${" ".repeat(100_000)}late`, (text) => text)
    expect(page).not.toContain("late")
    expect(page).toMatch(/^\.\.\. \(\d+ characters more\)$/)
    expect(HttpText.readableText("<p>short</p>", (text) => text)).toBe("short")
  })
})

describe("TarEnd", () => {
  it.effect("knows an end in any pieces, and misses it where it is cut", () =>
    Effect.gen(function*() {
      const whole = new Uint8Array(512 * 4)
      whole.fill(1, 0, 1024)
      const run = (bytes: Uint8Array, piece: number) =>
        Effect.isSuccess(Pull.forEachChunk(
          Effect.map(
            Pull.fromArray(
              Array.from(
                { length: Math.ceil(bytes.length / piece) },
                (_, i) => bytes.subarray(i * piece, (i + 1) * piece)
              )
            ),
            (pull) => TarEnd.complete(pull, () => "cut")
          ),
          () => {}
        ))
      for (const piece of [1, 7, 512, 1024, 1500, 5000]) {
        expect(yield* run(whole, piece)).toBe(true)
        for (const cut of [1, 511, 512, 513, 1024, 1536]) {
          expect(yield* run(whole.subarray(0, whole.length - cut), piece)).toBe(false)
        }
      }
      expect(yield* run(new Uint8Array(0), 1)).toBe(false)
    }))
})

describe("Version", () => {
  it("is that of the package", () => {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8")
    expect(version).toBe((JSON.parse(text) as { readonly version: string }).version)
  })
})

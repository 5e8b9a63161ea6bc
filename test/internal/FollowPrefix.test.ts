import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import * as Prefix from "../../src/internal/FollowPrefix.js"

const bytes = FastCheck.uint8Array({ maxLength: 40 })
const read = (pieces: ReadonlyArray<Uint8Array>) => pieces.reduce(Prefix.extended, Prefix.empty)

describe("a beginning of which only length and digest are kept", () => {
  it.effect.prop(
    "is found again in front of anything, in whatever pieces it came",
    { pieces: FastCheck.array(bytes, { maxLength: 6 }), rest: bytes },
    ({ pieces, rest }) =>
      Effect.sync(() => {
        const found = Prefix.restAfter(read(pieces), Buffer.concat([...pieces, rest]))
        expect(found !== undefined && Buffer.from(found).equals(rest)).toBe(true)
      })
  )

  it.effect.prop(
    "is not found where one byte is another, or where there are too few",
    {
      before: bytes,
      byte: FastCheck.nat({ max: 255 }),
      other: FastCheck.integer({ min: 1, max: 255 }),
      after: bytes,
      rest: bytes
    },
    ({ after, before, byte, other, rest }) =>
      Effect.sync(() => {
        const prefix = read([before, Uint8Array.of(byte), after])
        const changed = Buffer.concat([before, Uint8Array.of((byte + other) % 256), after, rest])
        expect(Prefix.restAfter(prefix, changed)).toBeUndefined()
        expect(Prefix.restAfter(prefix, Buffer.concat([before, after]))).toBeUndefined()
      })
  )
})

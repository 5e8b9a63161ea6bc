import { expect, it } from "@effect/vitest"
import { minorCollections } from "../support/Collections.js"
import * as Scavenge from "../../src/server/Scavenge.js"

it("has young objects collected in proportion to what was received", async () => {
  const receive = (): void => {
    for (let n = 0; n < 256 * 1024 * 1024; n += 64 * 1024) Scavenge.count(64 * 1024)
  }
  expect(await minorCollections(receive, 2)).toBeGreaterThanOrEqual(2)
})

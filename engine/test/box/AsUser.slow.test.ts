import { describe, expect, it } from "@effect/vitest"
import { isRoot } from "./BoxFixture.js"
import { passesAsUser } from "./asUser.js"

describe("boxes of an ordinary user", () => {
  if (!isRoot) {
    it("are what the tests beside this one ran", () => expect(isRoot).toBe(false))
    return
  }
  it("run, stream and end as those of root do", async () => {
    expect(await passesAsUser(["box/Command", "box/Streams", "box/Ends"])).toContain("the end of a box")
  }, 300_000)
})

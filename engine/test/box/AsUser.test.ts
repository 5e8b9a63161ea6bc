/**
 * The same tests again as an ordinary user. Root runs them in a mount namespace of its own in which the checkout and Node
 * are where anybody can read them, whatever the mode of the folders around them.
 */
import { describe, expect, it } from "@effect/vitest"
import { isRoot } from "./BoxFixture.js"
import { passesAsUser } from "./asUser.js"

describe("boxes and runs of an ordinary user", () => {
  if (!isRoot) {
    it("are what the tests beside this one ran; the root half needs root", () => {
      console.warn(
        `NOT RUN: boxes and runs as root. This is uid ${process.getuid?.()}: run the tests as root to cover both.`
      )
      expect(isRoot).toBe(false)
    })
    return
  }
  it("pass the tests of boxes and runs too", async () => {
    const output = await passesAsUser(["box/Users", "box/Files", "box/Leaks"])
    expect(output).toContain("another uid or gid is a stated refusal")
    expect(output).toContain("as an ordinary user")
  }, 240_000)
})

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
  }, 600_000)
  it("begin, and have other processes in them, as those of root do", async () => {
    const output = await passesAsUser(["run/Runs", "run/Subprocesses"])
    expect(output).toMatch(/other than 0 need an engine of root/)
  }, 600_000)
  it("withstand what those of root withstand", async () => {
    const output = await passesAsUser(["security/Attacks"])
    expect(output).toContain("reads a file of the host")
    expect(output).toContain("forks without end")
    console.log(/^attacks as an ordinary user.*$/m.exec(output)?.[0])
  }, 600_000)
  it("begin from images that an ordinary user imported", async () => {
    expect(await passesAsUser(["oci/Unpack", "oci/Import"])).toContain("bring an image with its files")
  }, 600_000)
})

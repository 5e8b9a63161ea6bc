import { describe, expect, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { onTestFinished } from "vitest"
import { gzipSync } from "node:zlib"
import { tarOf } from "../../src/oci/Compression.js"
import { removeFolder, temporaryFolder } from "../box/BoxFixture.js"
import { isThere as zstdIsThere, lines, withoutZstd, zstdOfA, zstdOfLines } from "./zstd.js"

const stored = (blob: Buffer): string => {
  const folder = temporaryFolder()
  onTestFinished(() => removeFolder(folder))
  const path = join(folder, "blob")
  Fs.writeFileSync(path, blob)
  return path
}

const read = async (blob: Buffer): Promise<string> => {
  const pieces: Array<Buffer> = []
  const collect = new Writable({
    write: (piece: Buffer, _, done) => {
      pieces.push(piece)
      done()
    }
  })
  await pipeline([...await tarOf(stored(blob)), collect])
  return Buffer.concat(pieces).toString("latin1")
}

const a = "a".repeat(300_000)
const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])

const refused = (blob: Buffer) => read(blob).catch((error: unknown) => error)

describe("the bytes of a blob", () => {
  it("come out as they went in, compressed or not", async () => {
    expect(await read(gzipSync(lines))).toBe(lines)
    expect([await read(Buffer.from("plain")), await read(Buffer.alloc(0))]).toEqual(["plain", ""])
  })

  it("are refused in zstd when the tool that reads them is not there", async () => {
    const path = process.env["PATH"]
    onTestFinished(() => {
      process.env["PATH"] = path
    })
    process.env["PATH"] = "/nowhere"
    expect(await refused(zstdOfA)).toMatchObject({
      reason: "Unsupported",
      description: expect.stringMatching(/install zstd/)
    })
  })

  if (!zstdIsThere) {
    it("in zstd need the tool", withoutZstd)
    return
  }

  it("come out of zstd as they went in, from one frame or many", async () => {
    expect(await read(zstdOfA)).toBe(a)
    expect(await read(zstdOfLines)).toBe(lines)
    expect(await read(Buffer.concat([zstdOfLines, skippable, zstdOfA]))).toBe(lines + a)
    expect(await read(Buffer.concat([skippable, zstdOfA]))).toBe(a)
  })

  it("are refused when they end early or are none", async () => {
    expect(await refused(zstdOfLines.subarray(0, -20))).toMatchObject({ reason: "BadContent" })
    expect(await refused(Buffer.concat([zstdOfA.subarray(0, 12), Buffer.alloc(40, 0xff)]))).toMatchObject({
      reason: "BadContent"
    })
  })

  it("are refused when they ask for more memory than they should, in any frame", async () => {
    const greedy = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(await refused(greedy)).toMatchObject({ reason: "TooLarge" })
    expect(await refused(Buffer.concat([zstdOfA, greedy]))).toMatchObject({ reason: "TooLarge" })
  })

  it("are read no further when nobody wants them any more", async () => {
    const path = stored(zstdOfLines)
    const controller = new AbortController()
    const stuck = new Writable({ highWaterMark: 1, write: () => controller.abort() })
    await expect(pipeline([...await tarOf(path), stuck], { signal: controller.signal })).rejects.toThrow()
  })
})

import { describe, expect, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { onTestFinished } from "vitest"
import { gzipSync } from "node:zlib"
import { decompress } from "../../src/oci/Compression.js"
import { removeFolder, temporaryFolder } from "../box/BoxFixture.js"
import { lines, zstdOfA, zstdOfLines } from "./zstd.js"

const read = async (blob: Buffer, pieceBytes = 64 * 1024): Promise<string> => {
  const folder = temporaryFolder()
  onTestFinished(() => removeFolder(folder))
  Fs.writeFileSync(join(folder, "blob"), blob)
  const pieces: Array<Buffer> = []
  const source = Array.from(
    { length: Math.ceil(blob.length / pieceBytes) },
    (_, index) => blob.subarray(index * pieceBytes, (index + 1) * pieceBytes)
  )
  await pipeline(Readable.from(source), await decompress(join(folder, "blob")), async (decoded) => {
    for await (const piece of decoded) pieces.push(piece as Buffer)
  })
  return Buffer.concat(pieces).toString("latin1")
}

const a = "a".repeat(300_000)
const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])

describe("the bytes of a blob", () => {
  it("come out as they went in, whatever compressed them and however they are cut", async () => {
    for (const pieceBytes of [1, 7, 64 * 1024]) {
      expect(await read(zstdOfA, pieceBytes)).toBe(a)
      expect(await read(zstdOfLines, pieceBytes)).toBe(lines)
    }
    expect(await read(Buffer.concat([zstdOfLines, skippable, zstdOfA]), 5)).toBe(lines + a)
    expect(await read(Buffer.concat([skippable, zstdOfA]))).toBe(a)
    expect(await read(gzipSync(lines))).toBe(lines)
    expect([await read(Buffer.from("plain")), await read(Buffer.alloc(0))]).toEqual(["plain", ""])
  })

  it("are refused when they end early or are none", async () => {
    const refused = (blob: Buffer) => read(blob).catch((error: unknown) => error)
    expect(await refused(zstdOfLines.subarray(0, -20))).toMatchObject({ reason: "BadContent" })
    expect(await refused(Buffer.concat([zstdOfA.subarray(0, 12), Buffer.alloc(40, 0xff)]))).toMatchObject({
      reason: "BadContent"
    })
  })

  it("are refused when they ask for more memory than they should, in any frame", async () => {
    const greedy = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    const refused = (blob: Buffer) => read(blob).catch((error: unknown) => error)
    expect(await refused(greedy)).toMatchObject({ reason: "TooLarge" })
    expect(await refused(Buffer.concat([zstdOfA, greedy]))).toMatchObject({ reason: "TooLarge" })
  })
})

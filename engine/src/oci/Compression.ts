/**
 * How a layer's bytes become a tar. Which way they are compressed, their first bytes say: types of media are wrong often
 * enough.
 *
 * @since 0.1.0
 */
import { createReadStream } from "node:fs"
import * as fs from "node:fs/promises"
import { Readable } from "node:stream"
import { createGunzip } from "node:zlib"
import * as HostCommand from "../store/HostCommand.js"
import { importError } from "./ImportError.js"

const firstBytes = async (path: string): Promise<Buffer> => {
  // not to be held by a pipe that took the file's place since somebody looked
  const file = await fs.open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

const isGzip = (first: Buffer): boolean => first[0] === 0x1f && first[1] === 0x8b

/** a frame, or what may stand before one (RFC 8878, section 3.1) */
const isZstd = (first: Buffer): boolean => {
  if (first.length < 4) return false
  const magic = first.readUInt32LE(0)
  return magic === 0xfd2f_b528 || (magic & 0xffff_fff0) >>> 0 === 0x184d_2a50
}

/** What a frame may ask for; the tool gives no more either, unless it is told to. */
const maxMemoryMiB = 128

const refusal = (said: string): Error =>
  /too much memory|window size larger|memory limit/i.test(said)
    ? importError("TooLarge", `a layer is compressed so that reading it takes more than ${maxMemoryMiB} MiB of memory`)
    : importError("BadContent", "a layer is no valid zstd, or ends too early")

/**
 * The tool reads the blob in a process of its own: what a layer makes it do costs nobody else's time, and no more memory
 * than it is allowed.
 */
async function* unzstd(path: string): AsyncGenerator<Buffer, void> {
  const file = await fs.open(path)
  try {
    const tool = HostCommand.start(["zstd", "-q", "-d", "-c", `--memory=${maxMemoryMiB}MB`], { stdin: file.fd })
    let isWhole = false
    try {
      yield* tool.stdout
      isWhole = true
    } finally {
      // whoever reads has gone
      if (!isWhole) tool.kill()
    }
    const end = await tool.end
    if (end._tag === "NotStarted") {
      throw importError(
        "Unsupported",
        `a layer is compressed with zstd, and the tool that reads it could not be started (${end.said}): install zstd ` +
          "(apt-get install zstd), or push the image with layers in gzip"
      )
    }
    if (end.code !== 0) throw refusal(end.stderr)
  } finally {
    await file.close()
  }
}

/**
 * What gives the bytes of a blob's tar, one stream into the next; those that are not compressed come as they are.
 *
 * @since 0.1.0
 * @category streams
 */
export const tarOf = async (path: string): Promise<ReadonlyArray<NodeJS.ReadableStream>> => {
  const first = await firstBytes(path)
  if (isZstd(first)) return [Readable.from(unzstd(path), { objectMode: false })]
  const source = createReadStream(path, { highWaterMark: 256 * 1024 })
  return isGzip(first) ? [source, createGunzip()] : [source]
}

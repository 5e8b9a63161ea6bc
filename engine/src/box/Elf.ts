/**
 * Just enough of ELF to tell a static program from one that needs a loader.
 *
 * @since 0.1.0
 */
import { closeSync, openSync, readSync } from "node:fs"

const PT_INTERP = 3

/**
 * The loader that a program asks for: `undefined` for a static program, `"not-elf"` for anything else. Throws what
 * `node:fs` throws.
 *
 * @since 0.1.0
 * @category inspection
 */
export const interpreter = (path: string): string | undefined | "not-elf" => {
  const fd = openSync(path, "r")
  try {
    const header = read(fd, 0, 64)
    if (header.length < 52 || header.toString("latin1", 0, 4) !== "\x7fELF" || header[5] !== 1) return "not-elf"
    const wide = header[4] === 2
    const offset = wide ? Number(header.readBigUInt64LE(32)) : header.readUInt32LE(28)
    const size = header.readUInt16LE(wide ? 54 : 42)
    const count = header.readUInt16LE(wide ? 56 : 44)
    for (let i = 0; i < count; i++) {
      const entry = read(fd, offset + i * size, size)
      if (entry.length < size || entry.readUInt32LE(0) !== PT_INTERP) continue
      const at = wide ? Number(entry.readBigUInt64LE(8)) : entry.readUInt32LE(4)
      const length = wide ? Number(entry.readBigUInt64LE(32)) : entry.readUInt32LE(16)
      return read(fd, at, Math.min(length, 4096)).toString("utf8").replace(/\0.*$/s, "")
    }
    return undefined
  } finally {
    closeSync(fd)
  }
}

const read = (fd: number, position: number, length: number): Buffer => {
  const buffer = Buffer.alloc(length)
  return buffer.subarray(0, readSync(fd, buffer, 0, length, position))
}

import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { TarError } from "../../src/internal/TarHeader.js"
import * as TarReader from "../../src/internal/TarReader.js"
import { concat, ending, entry, header, pax, tar } from "../support/tar.js"

interface Read {
  readonly type: string
  readonly name: string
  readonly link: string
  readonly mode: number
  readonly content: string
}

/** all that is in it, with every content whole; the error, if there is one, comes last */
const read = (pieces: Iterable<Uint8Array>): ReadonlyArray<Read | TarError> => {
  const reader = TarReader.make()
  const found: Array<Read & { bytes: Array<Uint8Array> }> = []
  let error: TarError | undefined
  for (const piece of pieces) {
    // The reader must keep no view of a piece, which is a Buffer where Node is the client: `slice` would be one.
    const copy = Buffer.from(piece)
    const pushed = reader.push(copy)
    for (const event of pushed.events) {
      if (event._tag === "Member") found.push({ ...event.member, content: "", bytes: [] })
      else found.at(-1)!.bytes.push(new Uint8Array(event.bytes))
    }
    copy.fill(0x55)
    error = pushed.error
    if (error !== undefined) break
  }
  error ??= reader.end()
  return [
    ...found.map(({ bytes, link, mode, name, type }) => ({
      type,
      name,
      link,
      mode,
      content: Buffer.concat(bytes).toString("latin1")
    })),
    ...(error === undefined ? [] : [error])
  ]
}

const file = (name: string, content = ""): Read => ({ type: "File", name, link: "", mode: 0o644, content })

const cut = (bytes: Uint8Array, at: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...places, bytes.length].map((place, i) => bytes.subarray(i === 0 ? 0 : places[i - 1], place))
}

const long = `${"deep/".repeat(40)}${"n".repeat(200)}`

/** one of everything that a reader must understand, and then a mistake */
const everything = concat(
  pax({ comment: "anything" }, "g"),
  entry({ name: "d/", flag: "5", mode: 0o755 }),
  entry({ name: "d/a", content: "x".repeat(1300) }),
  entry({ name: "d/empty" }),
  pax({ path: long, size: "5" }),
  entry({ name: "short", content: "hello" }),
  entry({ name: "././@LongLink", flag: "L", content: `${long}2\0`, magic: "ustar  \0" }),
  entry({ name: "././@LongLink", flag: "K", content: `${long}\0`, magic: "ustar  \0" }),
  entry({ name: "cut", flag: "2", link: "cut too", magic: "ustar  \0" }),
  entry({ name: "d/hard", flag: "1", link: "d/a", size: 1300 }),
  entry({ name: "c", flag: "3" }),
  entry({ name: "b", flag: "4" }),
  entry({ name: "f", flag: "6" }),
  entry({ name: "old/", flag: "\0", magic: "\0".repeat(8) }),
  entry({ name: "file", prefix: "with/prefix", content: Uint8Array.of(0, 255) }),
  entry({ name: "bad", flag: "Q" })
)

describe("a tar", () => {
  it("of one of everything", () => {
    const found = read([everything])
    expect(found.slice(0, -1)).toEqual([
      { ...file("d/"), type: "Directory", mode: 0o755 },
      file("d/a", "x".repeat(1300)),
      file("d/empty"),
      file(long, "hello"),
      { ...file(`${long}2`), type: "Symlink", link: long },
      { ...file("d/hard"), type: "HardLink", link: "d/a" },
      { ...file("c"), type: "CharacterDevice" },
      { ...file("b"), type: "BlockDevice" },
      { ...file("f"), type: "Fifo" },
      { ...file("old/"), type: "Directory" },
      file("with/prefix/file", "\0\xff")
    ])
    expect(found.at(-1)).toMatchObject({ reason: "Broken", description: expect.stringContaining("\"bad\"") })
  })

  it("is the same in any pieces, up to its mistake or its end", () => {
    const whole = concat(everything.subarray(0, -512), ending)
    const expected = [read([everything]), read([whole]), read([whole.subarray(0, -700)])]
    expect(expected[2]!.at(-1)).toMatchObject({ reason: "Cut" })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(FastCheck.nat(), { maxLength: 60 }), (places) => {
        expect(read(cut(everything, places))).toEqual(expected[0])
        expect(read(cut(whole, places))).toEqual(expected[1])
        expect(read(cut(whole.subarray(0, -700), places))).toEqual(expected[2])
      }),
      { numRuns: 60 }
    )
    expect(read(Array.from(whole, (byte) => Uint8Array.of(byte)))).toEqual(expected[1])
  })

  it("that is cut anywhere fails, and gives nothing that was not in it", () => {
    const whole = tar({ name: "a", content: "hello" }, pax({ path: "é" }), { name: "b", content: "y".repeat(600) })
    const all = read([whole])
    expect(all).toEqual([file("a", "hello"), file("é", "y".repeat(600))])
    for (let length = 0; length < whole.length; length += 7) {
      const found = read([whole.subarray(0, length)])
      expect(found.at(-1)).toBeInstanceOf(TarError)
      expect(found.at(-1)).toMatchObject({ reason: "Cut" })
      found.slice(0, -1).forEach((member, i) => {
        expect(all[i]).toMatchObject({ ...member, content: expect.stringContaining((member as Read).content) })
      })
    }
  })

  it("never throws, whatever the bytes are", () => {
    const block = FastCheck.oneof(
      FastCheck.uint8Array({ minLength: 1, maxLength: 700 }),
      FastCheck.record({
        name: FastCheck.string({ maxLength: 20 }),
        flag: FastCheck.constantFrom("0", "1", "2", "5", "x", "g", "L", "K", "S", "?"),
        content: FastCheck.oneof(
          FastCheck.string(),
          FastCheck.constant("11 path=ab\n"),
          FastCheck.constant("9 size=\n")
        )
      }).map(entry)
    )
    FastCheck.assert(FastCheck.property(FastCheck.array(block), (blocks) => {
      for (const member of read(blocks)) expect(member).toBeTypeOf("object")
    }))
  })

  it("with anything after its end, and with one block of zeros inside", () => {
    expect(read([tar({ name: "a" }), new Uint8Array(700).fill(7)])).toEqual([file("a")])
    const gap = concat(entry({ name: "a" }), new Uint8Array(512), entry({ name: "b" }), ending)
    expect(read([gap])).toEqual([file("a"), expect.objectContaining({ reason: "Broken" })])
  })

  it("with sizes beyond octal, and PAX records that take back what was said", () => {
    const big = header({ name: "big" })
    big.set([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3], 124)
    big.set(new TextEncoder().encode("        "), 148)
    const sum = big.reduce((n, byte) => n + byte, 0)
    big.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148)
    expect(read([concat(big, new TextEncoder().encode("abc"), new Uint8Array(509), ending)])).toEqual([
      file("big", "abc")
    ])
    expect(read([tar(pax({ path: "all" }, "g"), { name: "a" }, pax({ path: "" }, "g"), { name: "b" })])).toEqual([
      file("all"),
      file("b")
    ])
  })

  it.each([
    ["a checksum that is wrong", new Uint8Array(512).fill(1), /checksum|number/],
    ["a sparse file of GNU", entry({ name: "s", flag: "S" }), /"s" is a sparse file/],
    ["a sparse file in PAX", concat(pax({ "GNU.sparse.major": "1" }), entry({ name: "s" })), /sparse/],
    ["a name that is no UTF-8", entry({ name: Uint8Array.of(0xff, 0x61) }), /"\uFFFDa" is not UTF-8/],
    ["a PAX name with NUL", concat(pax({ path: "a\0b" }), entry({ name: "s" })), /NUL/],
    ["a PAX header that is none", entry({ name: "p", flag: "x", content: "path=a\n" }), /PAX/],
    ["a PAX record that is longer", entry({ name: "p", flag: "x", content: "99 path=a\n" }), /PAX/],
    ["a PAX size that is none", concat(pax({ size: "-1" }), entry({ name: "s" })), /size/],
    ["a size no file has", concat(pax({ size: "99999999999999999999" }), entry({ name: "s" })), /size/],
    ["a header of two megabytes", header({ name: "L", flag: "L", size: 2 << 20 }), /2097152 bytes/]
  ])("with %s is refused, and says why", (_, bytes, why) => {
    const [error, ...rest] = read([concat(bytes, ending)])
    expect(rest).toEqual([])
    expect(error).toMatchObject({ reason: "Broken", description: expect.stringMatching(why) })
  })
})

describe("GNU tar's own", () => {
  it.each(["gnu", "pax", "ustar", "v7"])("%s", (format) => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "contree-tar-"))
    try {
      const name = format === "ustar" || format === "v7" ? "plain name" : "é\n" + "n".repeat(200)
      Fs.mkdirSync(Path.join(folder, "t/-sub"), { recursive: true })
      Fs.writeFileSync(Path.join(folder, "t", name), "x".repeat(100_000))
      Fs.chmodSync(Path.join(folder, "t", name), 0o751)
      Fs.linkSync(Path.join(folder, "t", name), Path.join(folder, "t/-sub/hard"))
      Fs.symlinkSync("/elsewhere", Path.join(folder, "t/link"))
      const bytes = execFileSync("tar", [`--format=${format}`, "--sort=name", "-cf", "-", "t"], {
        cwd: folder,
        maxBuffer: 1 << 24
      })
      const found = read(cut(bytes, [5, 513, 1500, 70_000])) as ReadonlyArray<Read>
      const [first, second] = ["t/-sub/hard", `t/${name}`].sort()
      expect(found.filter(({ type }) => type === "Directory").map((member) => member.name)).toEqual(["t/", "t/-sub/"])
      expect(found).toContainEqual({ ...file(first!, "x".repeat(100_000)), mode: 0o751 })
      expect(found).toContainEqual({ ...file(second!), type: "HardLink", link: first, mode: 0o751 })
      expect(found).toContainEqual({ ...file("t/link"), type: "Symlink", link: "/elsewhere", mode: 0o777 })
      expect(found.length).toBe(5)
    } finally {
      Fs.rmSync(folder, { recursive: true })
    }
  })
})

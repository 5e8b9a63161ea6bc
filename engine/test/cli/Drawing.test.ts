import { describe, expect, it } from "@effect/vitest"
import { Option } from "effect"
import { ImageId } from "effect-contree/Ids"
import * as fc from "effect/FastCheck"
import * as Commands from "../../src/cli/Commands.js"
import * as ExitCode from "../../src/cli/ExitCode.js"
import * as Help from "../../src/cli/Help.js"
import * as Progress from "../../src/cli/Progress.js"
import * as ShortIds from "../../src/cli/ShortIds.js"
import * as Signals from "../../src/cli/Signals.js"
import * as Table from "../../src/cli/Table.js"
import * as Terminal from "../../src/cli/Terminal.js"
import * as Text from "../../src/cli/Text.js"
import * as Tree from "../../src/cli/Tree.js"
import * as TreeLines from "../../src/cli/TreeLines.js"
import type { Image } from "../../src/store/Overview.js"

const anyText = fc.string({ unit: "binary", maxLength: 60 })
const plain = { paint: (_: Terminal.Style, text: string) => text }

describe("text", () => {
  it.prop("of one line has nothing in it that moves a cursor", [anyText], ([text]) => {
    expect(Text.oneLine(text)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028-\u202e]/)
  })

  it.prop("that is cut fits, and what fits is not cut", [anyText, fc.nat(80)], ([text, width]) => {
    const shown = Text.cut(text, width)
    expect(Text.columns(shown)).toBeLessThanOrEqual(width)
    expect(shown === text).toBe(Text.columns(text) <= width)
  })

  it("counts wide and combining characters as a terminal does", () => {
    expect(["abc", "日本", "e\u0301", "🚀", "ü"].map(Text.columns)).toEqual([3, 4, 1, 2, 1])
    expect(Text.cut("日本語", 4)).toBe("日…")
  })

  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1536, "1.50 KiB"],
    [10 * 1024 ** 2, "10.0 MiB"],
    [1023.9 * 1024 ** 2, "1.00 GiB"],
    [5000 * 1024 ** 4, "5000 TiB"]
  ])("%d bytes are %s", (count, text) => expect(Text.bytes(count)).toBe(text))

  it.each([
    [-5, "0 s"],
    [119.9, "119 s"],
    [120, "2 min"],
    [7_199, "119 min"],
    [7_200, "2 h"],
    [172_800, "2 d"],
    [63_115_200, "2 y"]
  ])("%d seconds are %s", (seconds, text) => expect(Text.span(seconds)).toBe(text))

  it.each([
    [0.0284, "28 ms"],
    [0.9996, "1.0 s"],
    [4.62, "4.6 s"],
    [125, "2 min"]
  ])("what took %d seconds took %s", (seconds, text) => expect(Text.duration(seconds)).toBe(text))
})

describe("a table", () => {
  const columns = [{ title: "ID" }, { title: "TAGS", flexible: true }, { title: "SIZE", align: "right" as const }, {
    title: "WHAT",
    flexible: true
  }]

  it.prop(
    "fits the terminal by its flexible columns, a line for each row",
    [fc.array(fc.tuple(fc.stringMatching(/^[0-9a-f]{8}$/), anyText, fc.stringMatching(/^\d{1,8}$/), anyText))],
    ([rows]) => {
      const lines = Table.render(columns, rows, { width: 60 }).split("\n")
      expect(lines.length).toBe(rows.length + 2)
      for (const line of lines) expect(Text.columns(line)).toBeLessThanOrEqual(60)
      rows.forEach(([id], index) => expect(lines[index + 1]!.startsWith(id)).toBe(true))
    }
  )

  it("leaves out what can be spared before a line is longer than the terminal", () => {
    const spare = [{ title: "ID" }, { title: "AGE", spare: 1 }, { title: "PID", spare: 2 }, {
      title: "WHAT",
      flexible: true
    }]
    const rows = [["12345678", "1 min", "100", "a long command line"]]
    const titles = (width: number): string | undefined => Table.render(spare, rows, { width }).split("\n")[0]
    expect([40, 36, 35, 31, 30].map((width) => titles(width)?.split(/ +/))).toEqual([
      ["ID", "AGE", "PID", "WHAT"],
      ["ID", "AGE", "PID", "WHAT"],
      ["ID", "AGE", "WHAT"],
      ["ID", "AGE", "WHAT"],
      ["ID", "WHAT"]
    ])
    expect(Table.render(spare, rows, { width: 20 }).split("\n")[1]).toBe("12345678  a long co…")
  })

  it("lines up", () => {
    expect(Table.render(columns, [["1", "a", "5", "x\ny"], ["22", "b, c", "1000", ""]], { width: Infinity })).toBe(
      "ID  TAGS  SIZE  WHAT\n1   a        5  x\\ny\n22  b, c  1000\n"
    )
  })
})

describe("short ids", () => {
  it.prop(
    "tell every id from all others",
    [fc.uniqueArray(fc.oneof(fc.uuid(), fc.stringMatching(/^0000000[01]-000[01]-4000$/)), { maxLength: 40 })],
    ([ids]) => {
      const short = ShortIds.make(ids)
      for (const id of ids) {
        expect(short(id).length).toBeGreaterThanOrEqual(8)
        expect(ids.filter((other) => other.startsWith(short(id)))).toEqual([id])
      }
    }
  )
})

/** each node's parent is one before it, or none */
const forest = fc.array(fc.nat(), { maxLength: 200 }).map((picks) =>
  picks.map((pick, index) => ({
    id: String(index),
    parent: index === 0 || pick % 17 === 0 ? undefined : String(pick % index)
  }))
)

describe("a tree", () => {
  /** What a reader takes from it: straight below in the same column, or off to the right, is a child. */
  const parentsOf = (lines: ReadonlyArray<TreeLines.Line<TreeLines.Node>>): ReadonlyArray<string | undefined> => {
    const last: Array<string | undefined> = []
    return lines.map(({ node, prefix }) => {
      const [, bars = "", branch] = /^((?:│ )*)(├─)?● $/.exec(prefix)!
      const above = bars.length / 2
      const parent = last[above]
      last[branch === undefined ? above : above + 1] = node.id
      return parent
    })
  }

  it.prop("has each node once, shows whose child it is, and is never far to the right", [forest], ([nodes]) => {
    const trees = TreeLines.draw(nodes)
    const lines = trees.flat()
    expect(lines.map(({ node }) => node.id).sort()).toEqual(nodes.map(({ id }) => id).sort())
    for (const tree of trees) expect(parentsOf(tree)).toEqual(tree.map(({ node }) => node.parent))
    for (const { prefix } of lines) expect(prefix.length).toBeLessThanOrEqual(2 * Math.log2(nodes.length) + 2)
  })

  it("keeps a long chain in its column", () => {
    const nodes = Array.from({ length: 20_000 }, (_, index) => ({
      id: String(index),
      parent: index === 0 ? undefined : String(index - 1)
    }))
    const [lines] = TreeLines.draw(nodes)
    expect(lines!.length).toBe(20_000)
    expect(new Set(lines!.map(({ prefix }) => prefix))).toEqual(new Set(["● "]))
  })

  const image = (id: string, parent: string | undefined, tags: ReadonlyArray<string>, text?: string): Image => ({
    id: ImageId.make(`${id.padEnd(8, "0")}-0000-4000-8000-000000000000`),
    parent: Option.map(
      Option.fromNullable(parent),
      (id) => ImageId.make(`${id.padEnd(8, "0")}-0000-4000-8000-000000000000`)
    ),
    createdAt: { seconds: 0, nanos: 0 },
    tags,
    size: 0,
    madeBy: Option.map(Option.fromNullable(text), (text) => ({ kind: "run", text })),
    damage: Option.none()
  })

  it("shows tags and commands, and whose parent is gone", () => {
    const images = [
      image("a", undefined, ["busybox", "busybox:latest"]),
      image("b", "a", [], "mkdir /a"),
      image("c", "a", ["other"], "touch /b\nls"),
      image("d", "b", [], "make"),
      image("e", "f", [], "make install")
    ]
    expect(Tree.render(images, { ...plain, width: 80 })).toBe(
      [
        "● a0000000 busybox, busybox:latest",
        "├─● c0000000 other  $ touch /b\\nls",
        "● b0000000 $ mkdir /a",
        "● d0000000 $ make",
        "",
        "● e0000000 (from f0000000, removed) $ make install",
        ""
      ].join("\n")
    )
    const narrow = Tree.render(images, { ...plain, width: 24 }).split("\n")
    for (const line of narrow) expect(Text.columns(line)).toBeLessThanOrEqual(24)
    expect(narrow[1]).toBe("├─● c0000000 other  $ t…")
  })
})

describe("progress", () => {
  const count = fc.nat(1_000_000_000)
  it.prop(
    "is one line that leaves the last column free",
    [
      fc.record({
        phase: fc.constantFrom("resolving", "fetching", "unpacking", "reading"),
        bytes: count,
        totalBytes: count,
        layers: fc.nat(100),
        totalLayers: fc.nat(100)
      }),
      fc.integer({ min: 2, max: 100 })
    ],
    ([state, width]) => {
      const line = Progress.line(state, width)
      expect(line).not.toContain("\n")
      expect(Text.columns(line)).toBeLessThan(width)
    }
  )

  it("tells how much of how much", () => {
    const none = { bytes: 0, totalBytes: 0, layers: 0, totalLayers: 0 }
    expect(Progress.line({ ...none, phase: "resolving" }, 80)).toBe("resolving")
    expect(Progress.line({ ...none, phase: "fetching", bytes: 1024 ** 2, totalBytes: 4 * 1024 ** 2 }, 80)).toBe(
      "fetching   [######------------------]  1.00 MiB of 4.00 MiB"
    )
    expect(Progress.line({ ...none, phase: "unpacking", layers: 1, totalLayers: 2 }, 80)).toBe(
      "unpacking  [############------------]  layer 2 of 2"
    )
  })

  it("gives up the bar rather than what it tells", () => {
    const state = { phase: "fetching", bytes: 1024 ** 2, totalBytes: 4 * 1024 ** 2, layers: 0, totalLayers: 0 }
    expect(Progress.line(state, 44)).toBe("fetching   [##------]  1.00 MiB of 4.00 MiB")
    expect(Progress.line(state, 40)).toBe("fetching   1.00 MiB of 4.00 MiB")
  })
})

describe("exit codes", () => {
  it.each([
    [{ code: 0, signal: -1, timed_out: false }, 0],
    [{ code: 255, signal: 0, timed_out: false }, 255],
    [{ code: -1, signal: 9, timed_out: false }, 137],
    [{ code: -1, signal: 9, timed_out: true }, 124],
    [{ code: -1, signal: -1, timed_out: false }, 1],
    [undefined, 1]
  ])("%j gives %d", (exit, code) => expect(ExitCode.of(exit)).toBe(code))

  it("of signals are a shell's", () => {
    expect([Signals.exitCode("SIGINT"), Signals.exitCode("SIGTERM"), Signals.exitCode("SIGPIPE")]).toEqual([
      130,
      143,
      141
    ])
  })
})

describe("help", () => {
  const wide = { ...plain, width: Number.POSITIVE_INFINITY }

  it("is narrower where the terminal is", () => {
    for (const { spec } of Commands.all) {
      const lines = Help.ofCommand(spec, { ...plain, width: 50 }).split("\n").slice(1)
      // a path stays whole
      for (const line of lines) expect(/\s/.test(line.trim()) ? line.length : 0, line).toBeLessThanOrEqual(50)
    }
  })

  for (const { spec } of Commands.all) {
    it(`of ${spec.name} fits 80 columns and has every option`, () => {
      const page = Help.ofCommand(spec, wide)
      for (const line of page.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
      for (const { name } of Object.values(spec.options)) expect(page).toContain(`  ${name}`)
      expect(page).toMatch(/^Usage: contree-local \S+ \[options\]/)
      expect(page).toMatch(/Exit codes:[^]* 2 /)
    })
  }

  it("of all names all", () => {
    const page = Help.ofAll(Commands.all.map(({ spec }) => spec), wide)
    for (const { spec } of Commands.all) expect(page).toContain(`  ${spec.name} `)
    for (const line of page.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
  })
})

describe("colours", () => {
  it("are for terminals, and not for everybody", () => {
    const painted = (stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): string =>
      Terminal.look(stream, env).paint("strong", "x")
    expect(painted({ isTTY: true }, {})).toBe("\u001b[1mx\u001b[0m")
    expect(painted({ isTTY: true }, { NO_COLOR: "" })).toBe("\u001b[1mx\u001b[0m")
    for (
      const [stream, env] of [[{}, {}], [{ isTTY: true }, { NO_COLOR: "1" }], [{ isTTY: true }, {
        TERM: "dumb"
      }]] as const
    ) {
      expect(painted(stream, env)).toBe("x")
    }
  })
})

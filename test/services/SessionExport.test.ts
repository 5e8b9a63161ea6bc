import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Equal, FastCheck, Option } from "effect"
import { Command, Errors, ExitStatus, Ids, SessionExport } from "effect-contree"
import { anyText as wellFormed } from "../schemas/anyText.js"
import { imageId, imageOf, makeFake } from "../support/fakeApi.js"

/** halves of surrogate pairs too: a JavaScript string may have them */
const anyText = FastCheck.oneof(
  { weight: 5, arbitrary: wellFormed },
  { weight: 1, arbitrary: wellFormed.map((text) => `a\ud800${text}\udc00"`) }
)

const node = (n: number) => Ids.NodeId.make(`node-${n}`)

const anyCommand: FastCheck.Arbitrary<Command.Command> = FastCheck.oneof(
  FastCheck.tuple(anyText, FastCheck.array(anyText, { maxLength: 3 })).map(([path, args]) => Command.exec(path, args)),
  anyText.map((script) => Command.shell(script))
)
const anyExit: FastCheck.Arbitrary<ExitStatus.ExitStatus> = FastCheck.oneof(
  FastCheck.integer({ min: 0, max: 255 }).map((code) => ({ _tag: "Exited" as const, code })),
  FastCheck.integer({ min: 1, max: 64 }).map((signal) => ({ _tag: "Signaled" as const, signal })),
  FastCheck.constant({ _tag: "TimedOut" as const }),
  FastCheck.constant({ _tag: "Unknown" as const })
)

/** a tree of any shape, with branches of any name */
const anySnapshot: FastCheck.Arbitrary<SessionExport.Snapshot> = FastCheck.tuple(
  FastCheck.array(FastCheck.tuple(anyCommand, anyExit, FastCheck.nat(), FastCheck.boolean()), { maxLength: 8 }),
  FastCheck.uniqueArray(anyText.filter((name) => name !== ""), { maxLength: 4 }),
  FastCheck.nat()
).map(([children, names, seed]) => ({
  version: 1 as const,
  tip: node(seed % (children.length + 1)),
  branches: names.map((name, i) => ({ name, node: node((seed + i) % (children.length + 1)) })),
  nodes: [
    {
      id: node(0),
      parent: Option.none(),
      image: { id: Option.none(), tag: Option.some(Ids.Tag.make("busybox:1")) },
      command: Option.none(),
      exit: Option.none()
    },
    ...children.map(([command, exit, parent, isTagged], i): SessionExport.SnapshotNode => ({
      id: node(i + 1),
      parent: Option.some(node(parent % (i + 1))),
      image: { id: Option.some(imageId(i)), tag: isTagged ? Option.some(Ids.Tag.make(`t/${i}`)) : Option.none() },
      command: Option.some(command),
      exit: Option.some(exit)
    }))
  ]
}))

/** what a label shows, without what cannot be seen */
const shown = (text: string) =>
  text.replace(/\r\n|\r|\n/g, "\u21b5").replace(/\t/g, " ")
    .replace(/[\p{Cs}\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, "\ufffd")

interface Drawn {
  readonly nodes: ReadonlyArray<ReadonlyArray<string>>
  readonly edges: ReadonlyArray<readonly [string, string]>
  readonly names: ReadonlyArray<readonly [string, string]>
  readonly tip: number
}

const drawing = (snapshot: SessionExport.Snapshot): Drawn => ({
  nodes: snapshot.nodes.map(({ exit, id, image }) => [
    id,
    ...Option.toArray(Option.map(exit, ExitStatus.format)),
    ...Option.toArray(Option.map(image.tag, (tag) => `tag ${tag}`)),
    ...Option.toArray(Option.map(image.id, (image) => `image ${image}`))
  ]),
  edges: snapshot.nodes.flatMap(({ id, parent }) =>
    Option.toArray(Option.map(parent, (from) => [from.replace("node-", "n"), id.replace("node-", "n")] as const))
  ),
  names: snapshot.branches.map(({ name, node }) => [shown(name), node.replace("node-", "n")]),
  tip: snapshot.nodes.findIndex(({ id }) => id === snapshot.tip)
})

/** the lines of a quoted label, read as Graphviz reads them: its scanner, then its escapes, then its entities */
const dotLines = (quoted: string): ReadonlyArray<string> => {
  const lines = [""]
  for (let i = 0; i < quoted.length; i++) {
    if (quoted[i] !== "\\") {
      lines.push(lines.pop()! + quoted[i])
      continue
    }
    const next = quoted[++i]
    if (next === "l") lines.push("")
    else if (next === "\\" || next === "\"") lines.push(lines.pop()! + next)
    else throw new Error(`an escape that nobody wrote: \\${next}`)
  }
  if (lines.length > 1) expect(lines.pop()).toBe("")
  return lines.map((line) => {
    expect(line.replace(/&amp;/g, "")).not.toContain("&")
    return line.replace(/&amp;/g, "&")
  })
}

const readDot = (text: string): Drawn => {
  const label = /^ {2}([nb])(\d+) \[(shape=oval, )?label="((?:[^"\\]|\\.)*)"(, peripheries=2)?\];$/
  const lines = text.split("\n")
  expect([lines[0], lines[1], lines.at(-2), lines.at(-1)]).toEqual([
    "digraph session {",
    "  node [shape=box, fontname=\"monospace\"];",
    "}",
    ""
  ])
  const [nodes, edges, names, owners] = [[], [], [], []] as [string[][], Array<[string, string]>, string[], string[]]
  let tip = -1
  for (const line of lines.slice(2, -2)) {
    const labelled = label.exec(line)
    const edge = /^ {2}([nb]\d+) -> (n\d+)( \[style=dashed, arrowhead=none\])?;$/.exec(line)
    if (labelled?.[1] === "n") {
      if (labelled[5] !== undefined) tip = nodes.length
      nodes.push([...dotLines(labelled[4]!)])
    } else if (labelled !== null) names.push(dotLines(labelled[4]!).join("\n"))
    else if (edge?.[1]?.startsWith("b") === true) owners.push(edge[2]!)
    else if (edge !== null) edges.push([edge[1]!, edge[2]!])
    else throw new Error(`a line that nobody wrote: ${line}`)
  }
  return { nodes, edges, names: names.map((name, i) => [name, owners[i]!] as const), tip }
}

const mermaidText = (quoted: string): string => {
  expect(quoted).toMatch(/^(?:[\p{L}\p{N} ]|#\d+;)*$/u)
  return quoted.replace(/#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
}

const readMermaid = (text: string): Drawn => {
  const lines = text.split("\n")
  expect([lines[0], lines.at(-1)]).toEqual(["flowchart TD", ""])
  const [nodes, edges, names, owners] = [[], [], [], []] as [string[][], Array<[string, string]>, string[], string[]]
  let tip = -1
  for (const line of lines.slice(1, -1)) {
    const labelled = /^ {2}(?:n\d+\["([^"]*)"\]|b\d+\(\["([^"]*)"\]\))$/.exec(line)
    const edge = /^ {2}([nb]\d+) (?:-->|-\.-) (n\d+)$/.exec(line)
    const style = /^ {2}style n(\d+) stroke-width:4px$/.exec(line)
    if (labelled?.[1] !== undefined) nodes.push(labelled[1].split("<br/>").map(mermaidText))
    else if (labelled?.[2] !== undefined) names.push(mermaidText(labelled[2]))
    else if (style !== null) tip = Number(style[1])
    else if (edge?.[1]?.startsWith("b") === true) owners.push(edge[2]!)
    else if (edge !== null) edges.push([edge[1]!, edge[2]!])
    else throw new Error(`a line that nobody wrote: ${line}`)
  }
  return { nodes, edges, names: names.map((name, i) => [name, owners[i]!] as const), tip }
}

describe("the history of a session as data", () => {
  it("is read back from JSON as it was", () => {
    FastCheck.assert(FastCheck.property(anySnapshot, (snapshot) => {
      const again = Either.getOrThrow(SessionExport.fromJson(SessionExport.toJson(snapshot)))
      expect(again).toEqual(snapshot)
      expect(again.nodes.every((read, i) => Equal.equals(read.command, snapshot.nodes[i]!.command))).toBe(true)
    }))
  })

  it("reads nothing that is no tree", () => {
    const leaf = { id: "node-1", parent: "node-0", image: {} }
    const good = { version: 1, tip: "node-0", branches: [], nodes: [{ id: "node-0", image: {} }, leaf] }
    expect(Either.isRight(SessionExport.fromJson(JSON.stringify(good)))).toBe(true)
    for (
      const bad of [
        "",
        "{",
        "null",
        { ...good, version: 2 },
        { ...good, tip: "node-9" },
        { ...good, nodes: [] },
        { ...good, nodes: [leaf, good.nodes[0]] },
        { ...good, nodes: [...good.nodes, leaf] },
        { ...good, branches: [{ name: "a", node: "node-9" }] },
        { ...good, branches: [{ name: "a", node: "node-0" }, { name: "a", node: "node-1" }] },
        { ...good, nodes: [{ id: "node-0", image: { id: "../x" } }] }
      ]
    ) {
      const read = SessionExport.fromJson(typeof bad === "string" ? bad : JSON.stringify(bad))
      expect(Either.isLeft(read) && read.left).toBeInstanceOf(Errors.DecodeError)
    }
  })

  const languages = [
    ["DOT", SessionExport.toDot, readDot],
    ["Mermaid", SessionExport.toMermaid, readMermaid]
  ] as const
  it.each(languages)("is drawn in %s, whatever is in a command or a name", (_, draw, read) => {
    FastCheck.assert(FastCheck.property(anySnapshot, (snapshot) => {
      const text = draw(snapshot)
      const { nodes, ...rest } = read(text)
      const { nodes: expected, ...others } = drawing(snapshot)
      expect(rest).toEqual(others)
      nodes.forEach((lines, i) => {
        const command = snapshot.nodes[i]!.command
        if (Option.isNone(command)) return expect(lines).toEqual(expected[i])
        const said = lines[1]!
        expect(lines.filter((_, at) => at !== 1)).toEqual(expected[i])
        expect(said.startsWith("$ ")).toBe(true)
        const whole = command.value._tag === "Shell" ? shown(command.value.script) : undefined
        const short = said.slice(2)
        expect([...short].length).toBeLessThanOrEqual(61)
        if (whole !== undefined) {
          expect(short).toBe([...whole].length <= 60 ? whole : `${[...whole].slice(0, 60).join("")}\u2026`)
        }
      })
    }))
  })

  it.effect("of a session: every node, whichever way it was left", () =>
    Effect.gen(function*() {
      const fake = makeFake()
      const session = yield* Effect.flatMap(imageOf(fake), (image) => image.session())
      yield* session.run(Command.shell("make \"all\" && echo 100% > /a\\b"))
      yield* session.branch("base")
      yield* session.run(Command.exec("echo", ["it's", "a & b"]))
      yield* session.tag("v1")
      yield* session.checkout("base")
      fake.onSpawn = (o) => void o.end("SUCCESS", { signal: 9, image: imageId(7) })
      yield* session.run(Command.exec("sleep", ["9"]))
      const snapshot = yield* session.snapshot
      expect(Either.getOrThrow(SessionExport.fromJson(SessionExport.toJson(snapshot)))).toEqual(snapshot)
      expect(SessionExport.toDot(snapshot)).toBe(`digraph session {
  node [shape=box, fontname="monospace"];
  n0 [label="node-0\\limage ${imageId(1)}\\l"];
  n1 [label="node-1\\l$ make \\"all\\" &amp;&amp; echo 100% > /a\\\\b\\lexited with code 0\\limage ${imageId(100)}\\l"];
  n2 [label="node-2\\l$ echo 'it'\\\\''s' 'a &amp; b'\\lexited with code 0\\ltag v1\\limage ${imageId(101)}\\l"];
  n3 [label="node-3\\l$ sleep 9\\lwas killed by signal 9\\limage ${imageId(7)}\\l", peripheries=2];
  n0 -> n1;
  n1 -> n2;
  n1 -> n3;
  b0 [shape=oval, label="base"];
  b0 -> n1 [style=dashed, arrowhead=none];
}
`)
      expect(SessionExport.toMermaid(snapshot).split("\n")[2]).toBe(
        `  n1["node#45;1<br/>#36; make #34;all#34; #38;#38; echo 100#37; #62; #47;a#92;b<br/>exited with code 0<br/>` +
          `image ${imageId(100).replaceAll("-", "#45;")}"]`
      )
    }))
})

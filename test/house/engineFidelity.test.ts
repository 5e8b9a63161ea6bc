import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import Ts from "typescript"

const page = fileURLToPath(new URL("../../docs/engine-fidelity.md", import.meta.url))

/** Suites that a file may open, and the calls that are tests, by the name that a call begins with. */
const suites = ["describe", "layer"]
const tests = ["it", "test"]

/** `it` of `it.effect.each(rows)`. */
const rootOf = (callee: Ts.Expression): string => {
  if (Ts.isPropertyAccessExpression(callee) || Ts.isCallExpression(callee)) return rootOf(callee.expression)
  return Ts.isIdentifier(callee) ? callee.text : ""
}

/** The names of the tests in a file's text, with those of their suites in front, as a reporter shows them. */
const namesOf = (text: string): ReadonlyArray<string> => {
  const names: Array<string> = []
  const visit = (node: Ts.Node, above: ReadonlyArray<string>): void => {
    const title = Ts.isCallExpression(node) ? node.arguments[0] : undefined
    const isNamed = title !== undefined && Ts.isStringLiteralLike(title)
    const root = isNamed && Ts.isCallExpression(node) ? rootOf(node.expression) : ""
    if (isNamed && tests.includes(root)) names.push([...above, title.text].join(" "))
    const below = isNamed && suites.includes(root) ? [...above, title.text] : above
    Ts.forEachChild(node, (child) => visit(child, below))
  }
  visit(Ts.createSourceFile("x.ts", text, Ts.ScriptTarget.Latest), [])
  return names
}

interface Row {
  readonly line: number
  readonly fact: string
  readonly here: string
  readonly test: string
}

interface Page {
  readonly rows: ReadonlyArray<Row>
  /** where each file is that the page calls by a short name */
  readonly files: ReadonlyMap<string, string>
}

const read = (text: string): Page => {
  const rows: Array<Row> = []
  const files = new Map<string, string>()
  text.split("\n").forEach((line, index) => {
    const [, name, path] = /^\[([A-Za-z]+)\]: (\S+)$/.exec(line) ?? []
    if (name !== undefined && path !== undefined) files.set(name, path)
    const cells = line.startsWith("|") ? line.split("|").slice(1, -1).map((cell) => cell.trim()) : []
    const [fact = "", here = "", test = ""] = cells
    if (cells.length === 0 || fact === "fact" || /^-+$/.test(fact)) return
    assert.lengthOf(cells, 3, `line ${index + 1} has another number of columns`)
    rows.push({ line: index + 1, fact, here, test })
  })
  return { rows, files }
}

const citation = /^\[([A-Za-z]+)\]: (.+)$/

/** What is wrong with the last column of a row; nothing when it says `none`. */
const complaints = (row: Row, files: Page["files"], names: (path: string) => ReadonlyArray<string>) =>
  row.test === "none" ? [] : row.test.split("<br>").flatMap((cited) => {
    const [, name, title] = citation.exec(cited) ?? []
    const path = files.get(name ?? "")
    if (title === undefined) return [`line ${row.line}: ${cited} names no test`]
    if (path === undefined) return [`line ${row.line}: nothing says which file ${name} is`]
    return names(path).some((full) => full === title || full.endsWith(` ${title}`))
      ? []
      : [`line ${row.line}: ${path} has no test "${title}"`]
  })

describe("the page about the engine's fidelity", () => {
  const { files, rows } = read(readFileSync(page, "utf8"))
  const known = new Map<string, ReadonlyArray<string>>()
  const names = (path: string): ReadonlyArray<string> => {
    const found = known.get(path) ?? namesOf(readFileSync(join(dirname(page), path), "utf8"))
    known.set(path, found)
    return found
  }

  it("names files of tests that are there, each once, and no others", () => {
    assert.deepStrictEqual([...files.values()].filter((path) => !existsSync(join(dirname(page), path))), [])
    assert.deepStrictEqual([...files.values()].filter((path) => !path.endsWith(".test.ts")), [])
    assert.strictEqual(new Set(files.values()).size, files.size)
    const cited = rows.flatMap(({ test }) => test.split("<br>").map((cited) => citation.exec(cited)?.[1]))
    assert.deepStrictEqual([...files.keys()].filter((name) => !cited.includes(name)), [])
  })

  it("names tests that are there, by their own words", () => {
    assert.deepStrictEqual(rows.flatMap((row) => complaints(row, files, names)), [])
  })

  it("says of each fact whether it holds here, and of none twice", () => {
    const unclear = rows.filter(({ here }) => !/^(yes|no|in part|choice|beyond)\b/.test(here))
    assert.deepStrictEqual(unclear.map(({ fact, line }) => `line ${line}: ${fact}`), [])
    const facts = rows.map(({ fact }) => fact)
    assert.deepStrictEqual(facts.filter((fact, index) => facts.indexOf(fact) !== index), [])
  })

  it("has a table for each section of the protocol that a server has a part in", () => {
    const headings = readFileSync(page, "utf8").split("\n").filter((line) => line.startsWith("#"))
    const told = headings.flatMap((line) => /Protocol: section ([\d.]+)$/.exec(line)?.[1] ?? [])
    assert.deepStrictEqual(
      told.sort(),
      ["1.1", "1.2", "1.3", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6"]
        .concat("3.7", "3.8", "3.9", "4.1", "4.2", "4.3", "4.4", "6")
    )
  })
})

describe("what that check sees", () => {
  const source = `
    layer(x, {})("boxes", (it) => {
      describe("of root", () => {
        it.effect.each([1])("run %s", () => f("no test"))
        it("end", () => {})
      })
    })
    it.prop(\n"alone", [], () => {})
  `

  it("is the names of tests with those of their suites, and nothing else", () => {
    assert.deepStrictEqual(namesOf(source), ["boxes of root run %s", "boxes of root end", "alone"])
  })

  it("is a file or a test that is not there, and a row that names none", () => {
    const { files, rows } = read([
      "| fact | here | test |",
      "|---|---|---|",
      "| a | yes | [Boxes]: of root end<br>[Boxes]: nd |",
      "| b | no | none |",
      "| c | yes | [Other]: end |",
      "| d | yes | a test |",
      "[Boxes]: ../x.test.ts"
    ].join("\n"))
    assert.deepStrictEqual(rows.flatMap((row) => complaints(row, files, () => namesOf(source))), [
      "line 3: ../x.test.ts has no test \"nd\"",
      "line 5: nothing says which file Other is",
      "line 6: a test names no test"
    ])
  })
})

/** The list of the Python API, and how it is read out of the reference pages that it was taken from. */
import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"

/** `Class.method(parameter, ...)`, or `Class.property` */
export interface Member {
  readonly text: string
  /** `ImagesManager.use`, the same for the class with `Sync` at its end */
  readonly name: string
  readonly parameters: ReadonlyArray<string>
}

const toMember = (text: string): Member => {
  const [, owner, member, parameters] = /^(\w+)\.(\w+)(?:\((.*)\))?$/.exec(text) ?? []
  if (owner === undefined || member === undefined) throw new Error(`no member of a class: ${text}`)
  return {
    text,
    name: `${owner.replace(/Sync$/, "")}.${member}`,
    parameters: (parameters ?? "").split(", ").filter((name) => name !== "")
  }
}

export const pythonApi: ReadonlyArray<Member> = readFileSync(resolve(import.meta.dirname, "pythonApi.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map(toMember)

const names = (parameters: string): string =>
  parameters.split(",").map((parameter) => parameter.split("=")[0]!.trim())
    .filter((name) => name !== "" && name !== "*").join(", ")

/** methods are headings such as `async download(image_path, local_path=None)`, attributes such as `uuid: UUID | None` */
const readPage = (page: string): ReadonlyArray<string> => {
  const out: Array<string> = []
  let owner = ""
  for (const line of page.split("\n")) {
    const heading = /^class (?:\w+\.)+(\w+)\(/.exec(line)
    if (heading) {
      owner = heading[1]!
      continue
    }
    const method = /^(?:async )?(?:def )?(\w+)\(([^)]*)\)(?:\[source\]| -> .*)?$/.exec(line)
    // a type that stands on a line of its own
    if (method && method[1] !== "TypeVar") {
      const member = `${owner}.${method[1]}(${names(method[2]!)})`
      // the one page has each method twice: as a heading without parameters, then with them
      const bare = `${owner}.${method[1]}()`
      if (out.at(-1) === bare) out.pop()
      out.push(member)
      continue
    }
    const attribute = /^(?:property )?(\w+): (?:\w+(?:\[[^\]]*\])?)(?: \| .*)?$/.exec(line)
    if (owner !== "" && attribute && /^(?:property |uuid|tag)/.test(line)) out.push(`${owner}.${attribute[1]}`)
  }
  return out
}

/** The members as the reference pages have them, where those lie beside the checkout; nothing where they do not. */
export const fromPages = (): ReadonlyArray<string> | undefined => {
  const folder = resolve("..", "shared", "seeds")
  const pages = ["images-manager.txt", "image.txt"].map((name) => resolve(folder, name))
  return pages.every((page) => existsSync(page))
    ? pages.flatMap((page) => readPage(readFileSync(page, "utf8")))
    : undefined
}

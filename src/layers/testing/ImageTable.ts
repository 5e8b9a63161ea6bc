/**
 * The images of the double and their tags.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Ids from "../../schemas/Ids.js"
import * as Reference from "../../schemas/Reference.js"
import type * as Wire from "../../schemas/Wire.js"
import { fromMillis } from "./Moment.js"
import type { Files } from "./Script.js"
import type { Serial } from "./Serial.js"
import * as Tree from "./Tree.js"

/** @internal */
export interface Row {
  readonly id: Ids.ImageId
  readonly tree: Tree.Tree
  /** what runs in it find, kept by `preserveEnv` */
  readonly env: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly operationId: Ids.OperationId | null
}

/** @internal */
export interface Tagged {
  readonly row: Row
  readonly tag: string | null
}

/** @internal */
export const toWire = ({ row, tag }: Tagged): Wire.Image => ({
  uuid: row.id,
  tag,
  created_at: fromMillis(row.createdAt),
  operation_uuid: row.operationId
})

/** a mistake in a script is the test's: it is thrown, and says where */
const mistake = (name: string, what: string): Error =>
  new Error(`ContreeTest: images[${JSON.stringify(name)}]: ${what}`)

const parse = (name: string): Reference.Reference =>
  Either.getOrThrowWith(Reference.parse(name), (error) => mistake(name, error.message))

const treeOf = (name: string, files: Files): Tree.Tree =>
  Either.getOrThrowWith(
    Tree.change(Tree.empty, Object.entries(files).map(([path, content]) => ({ path, content })), 0),
    (why) => mistake(name, why)
  )

/** `x` and `x:latest` are one image to a registry, and two names to a service: both are given */
const tagsOf = (name: string, reference: Reference.Reference): ReadonlyArray<string> => {
  if (reference._tag === "Id") return []
  const tag = Option.getOrThrowWith(Reference.toTag(reference), () => mistake(name, "no tag can stand for it"))
  if (reference._tag === "Tag" || Option.isSome(reference.digest)) return [tag]
  return Option.match(reference.tag, {
    onNone: () => [tag, `${tag}:latest`],
    onSome: (version) => version === "latest" ? [tag.slice(0, -":latest".length), tag] : [tag]
  })
}

/** what a registry finds under this name */
const canonical = (reference: Reference.Reference): string =>
  Reference.format(
    reference._tag === "Oci" && Option.isNone(reference.tag) && Option.isNone(reference.digest)
      ? { ...reference, tag: Option.some("latest") }
      : reference
  )

/** @internal */
export interface Given {
  readonly images: Readonly<Record<string, Files>>
  readonly imports: Readonly<Record<string, Files>>
}

/** @internal */
export class ImageTable {
  /** in the order in which they came to be */
  readonly #rows = new Map<string, Row>()
  readonly #tags = new Map<string, Ids.ImageId>()
  /** what a registry has: by canonical reference, what to make of it, or the image that was made */
  readonly #registry = new Map<string, Tree.Tree | Ids.ImageId>()

  constructor(readonly serial: Serial, given: Given, now: number) {
    for (const [name, files] of Object.entries(given.images)) {
      const reference = parse(name)
      const row = this.#add({
        id: reference._tag === "Id" ? reference.id : serial.image(),
        tree: treeOf(name, files),
        createdAt: now,
        env: {},
        operationId: null
      })
      for (const tag of tagsOf(name, reference)) this.#tags.set(tag, row.id)
      if (reference._tag === "Oci") this.#registry.set(canonical(reference), row.id)
    }
    for (const [name, files] of Object.entries(given.imports)) {
      const reference = parse(name)
      if (reference._tag !== "Oci") throw mistake(name, "a registry has no such name: write one such as alpine:3.20")
      this.#registry.set(canonical(reference), treeOf(name, files))
    }
  }

  #add(row: Row): Row {
    this.#rows.set(row.id, row)
    return row
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id.toLowerCase())
  }

  byTag(tag: string): Row | undefined {
    const id = this.#tags.get(tag)
    return id === undefined ? undefined : this.#rows.get(id)
  }

  /** what came of a run: another image, or the parent itself where nothing has changed */
  derive(parent: Row, next: Omit<Row, "id">): Row {
    const keys = Object.keys(next.env)
    const isSameEnv = keys.length === Object.keys(parent.env).length &&
      keys.every((key) => next.env[key] === parent.env[key])
    return isSameEnv && Tree.isSame(parent.tree, next.tree)
      ? parent
      : this.#add({ ...next, id: this.serial.image() })
  }

  /** what a registry has under this URL; imported once, and found again after that */
  pull(url: string, operationId: Ids.OperationId, now: number): Row | undefined {
    const reference = Either.getOrUndefined(Reference.parse(url.replace(/^oci:\/\//, "docker://")))
    if (reference === undefined) return undefined
    const found = this.#registry.get(canonical(reference))
    if (found === undefined || typeof found === "string") return found && this.#rows.get(found)
    const row = this.#add({ id: this.serial.image(), tree: found, env: {}, createdAt: now, operationId })
    this.#registry.set(canonical(reference), row.id)
    return row
  }

  /** a tag is one image's: it leaves the one that had it */
  setTag(row: Row, tag: string): void {
    this.#tags.delete(tag)
    this.#tags.set(tag, row.id)
  }

  /** was there anything to remove? */
  removeTag(row: Row, tag: string | undefined): boolean {
    const doomed = [...this.#tags].filter(([name, id]) => id === row.id && (tag === undefined || name === tag))
    for (const [name] of doomed) this.#tags.delete(name)
    return doomed.length > 0
  }

  tagsOf(row: Row): ReadonlyArray<string> {
    return [...this.#tags].flatMap(([tag, id]) => id === row.id ? [tag] : []).sort()
  }

  /** a row for each tag, and one for an image without; oldest first */
  all(): ReadonlyArray<Tagged> {
    return [...this.#rows.values()].flatMap((row): ReadonlyArray<Tagged> => {
      const tags = this.tagsOf(row)
      return tags.length === 0 ? [{ row, tag: null }] : tags.map((tag) => ({ row, tag })).reverse()
    })
  }
}

/**
 * Unpacks a tar into a folder that it makes, and nowhere else, whatever the archive says: names that lead out of it are
 * refused, nothing is written through a link, and only what was unpacked before is linked to.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Member } from "./TarHeader.js"
import { TarError } from "./TarHeader.js"
import * as TarReader from "./TarReader.js"

/** what was unpacked under a name; there is nothing for a device or a FIFO, which are left out */
type Made =
  | { readonly type: "File" | "Directory" | "LeftOut" }
  | { readonly type: "Symlink"; readonly link: string }

const quoted = (name: string): string => JSON.stringify(name)

type Names = ReadonlyArray<string>

/** The parts of a name, none of which leads anywhere but down. */
const partsOf = (name: string, separator: string): Effect.Effect<Names, TarError> => {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".")
  const isForeign = separator === "\\" && /[\\:]/.test(name)
  return name.startsWith("/") || parts.includes("..") || isForeign
    ? Effect.fail(new TarError(`the name ${quoted(name)} could lead out of the folder it is unpacked into`))
    : Effect.succeed(parts)
}

const isBelow = (names: Names, root: Names): boolean => root.every((part, i) => names[i] === part)

/**
 * `asked` is the folder's path in the image, whose parts the names in the archive begin with; they are left away. When
 * there is a link in that path, a server may follow it: then the folder that comes first is the one that was asked for.
 *
 * Gives the names of what was left out. Every member's name and type is remembered, and nothing of its content.
 */
export const extract = <E, R>(
  archive: Stream.Stream<Uint8Array, E, R>,
  asked: string,
  into: string
): Effect.Effect<
  ReadonlyArray<string>,
  E | TarError | PlatformError,
  R | FileSystem.FileSystem | Path.Path
> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const made = new Map<string, Made>()
    const leftOut: Array<string> = []
    let root: Names | undefined
    let handles: Scope.CloseableScope | undefined
    let current: FileSystem.File | undefined

    const closeCurrent = Effect.suspend(() => {
      const open = handles
      handles = undefined
      current = undefined
      return open === undefined ? Effect.void : Scope.close(open, Exit.void)
    })
    yield* Effect.addFinalizer(() => closeCurrent)

    const local = (key: string): string => key === "" ? into : path.join(into, key)
    const keyOf = (names: Names): string => names.join("/")

    /** its name inside the folder that was asked for */
    const place = (member: Member, name: string): Effect.Effect<Names, TarError> =>
      Effect.gen(function*() {
        const names = yield* partsOf(name, path.sep)
        if (root === undefined) {
          const wanted = asked.split("/").filter((part) => part !== "" && part !== ".")
          root = !isBelow(names, wanted) && member.type === "Directory" ? names : wanted
        }
        return isBelow(names, root) ? names.slice(root.length) : yield* Effect.fail(
          new TarError(`${quoted(name)} does not belong to ${quoted(`/${keyOf(root)}`)}`)
        )
      })

    /** The folders above are real ones, of our own making. */
    const makeParents = (names: Names): Effect.Effect<void, TarError | PlatformError> =>
      Effect.gen(function*() {
        for (let depth = 0; depth < names.length; depth++) {
          const key = keyOf(names.slice(0, depth))
          const parent = made.get(key)
          if (parent === undefined) {
            yield* fs.makeDirectory(local(key))
            made.set(key, { type: "Directory" })
          } else if (parent.type !== "Directory") {
            return yield* Effect.fail(
              new TarError(`${quoted(keyOf(names))} lies in ${quoted(key)}, which is no folder but a ${parent.type}`)
            )
          }
        }
      })

    /** The last of several members with one name is the one that counts. */
    const clear = (key: string): Effect.Effect<void, PlatformError> =>
      Effect.gen(function*() {
        const before = made.get(key)
        if (before === undefined) return
        if (before.type !== "LeftOut") yield* fs.remove(local(key), { recursive: true })
        for (const other of [...made.keys()]) {
          if (other === key || other.startsWith(`${key}/`)) made.delete(other)
        }
      })

    const makeDirectory = (key: string, mode: number): Effect.Effect<void, PlatformError> => {
      // Who unpacks a folder can enter it, fill it and remove it.
      const bits = mode & 0o777 | 0o700
      return made.get(key)?.type === "Directory"
        ? fs.chmod(local(key), bits)
        : Effect.zipRight(clear(key), fs.makeDirectory(local(key), { mode: bits }))
    }

    const makeFile = (key: string, mode: number): Effect.Effect<void, PlatformError> =>
      Effect.gen(function*() {
        yield* clear(key)
        handles = yield* Scope.make()
        // `wx`: also where a file system takes two names for one, nothing is written through what is there
        const open = fs.open(local(key), { flag: "wx", mode: mode & 0o777 })
        current = yield* Effect.provideService(open, Scope.Scope, handles)
      })

    const makeHardLink = (key: string, name: string, target: string): Effect.Effect<Made, TarError | PlatformError> =>
      Effect.gen(function*() {
        const first = made.get(target)
        if (first === undefined || first.type === "Directory") {
          return yield* Effect.fail(
            new TarError(`${quoted(name)} is a link to ${quoted(target)}, which is no file in it`)
          )
        }
        if (target === key || first.type === "LeftOut") return first
        yield* clear(key)
        if (first.type === "Symlink") yield* fs.symlink(first.link, local(key))
        else {
          yield* fs.link(local(target), local(key)).pipe(
            // Some file systems have no hard links.
            Effect.catchIf((e) => !isThere(e), () => fs.copyFile(local(target), local(key)))
          )
        }
        return first
      })

    const takeMember = (member: Member): Effect.Effect<void, TarError | PlatformError> =>
      Effect.gen(function*() {
        yield* closeCurrent
        const names = yield* place(member, member.name)
        const key = keyOf(names)
        if (key === "" && member.type !== "Directory") {
          return yield* Effect.fail(new TarError(`it is no folder but a ${member.type}`, "NotAFolder"))
        }
        yield* makeParents(names)
        switch (member.type) {
          case "Directory":
            yield* makeDirectory(key, member.mode)
            return void made.set(key, { type: "Directory" })
          case "File":
            yield* makeFile(key, member.mode)
            return void made.set(key, { type: "File" })
          case "Symlink":
            yield* clear(key)
            yield* fs.symlink(member.link, local(key))
            return void made.set(key, { type: "Symlink", link: member.link })
          case "HardLink": {
            const target = keyOf(yield* place(member, member.link))
            const first = yield* makeHardLink(key, member.name, target)
            if (first.type === "LeftOut") leftOut.push(member.name)
            return void made.set(key, first)
          }
          default:
            yield* clear(key)
            leftOut.push(member.name)
            return void made.set(key, { type: "LeftOut" })
        }
      })

    yield* TarReader.forEach(archive, (event) => {
      if (event._tag === "Member") return takeMember(event.member)
      // Only a file has content.
      return current === undefined ? Effect.void : current.writeAll(event.bytes)
    })
    yield* closeCurrent
    // Of an empty folder an archive may say nothing at all.
    if (made.size === 0) yield* fs.makeDirectory(local(""))
    return leftOut
  }).pipe(Effect.scoped)

const isThere = (e: PlatformError): boolean => e._tag === "SystemError" && e.reason === "AlreadyExists"

/**
 * Reads a tar as it comes, in pieces of any size: members, and their content. Understood are ustar, PAX, and GNU's long
 * names; sparse files and parts of archives are refused. Nothing but a header at a time is held in memory.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { concat, copy } from "./Bytes.js"
import type { Header, Member, Type } from "./TarHeader.js"
import { blockSize, parse, size, TarError } from "./TarHeader.js"
import * as Pax from "./TarPax.js"

export type Event =
  | { readonly _tag: "Member"; readonly member: Member }
  /** the next bytes of the last member's content; a view of the piece that came */
  | { readonly _tag: "Content"; readonly bytes: Uint8Array }

export interface Reader {
  /** What is in the next piece, and what was wrong after that; then the reader is of no more use. */
  readonly push: (bytes: Uint8Array) => { readonly events: ReadonlyArray<Event>; readonly error?: TarError }
  /** What is wrong with it that ended here. */
  readonly end: () => TarError | undefined
}

/** a name longer than that no system takes; a header that says so is an attack, or a mistake */
const maxHeader = 1 << 20

const types: { readonly [flag: string]: Type } = {
  "\0": "File",
  "0": "File",
  // contiguous, where a system makes the difference
  "7": "File",
  "1": "HardLink",
  "2": "Symlink",
  "3": "CharacterDevice",
  "4": "BlockDevice",
  "5": "Directory",
  "6": "Fifo"
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lossy = new TextDecoder("utf-8", { ignoreBOM: true })

const decode = (bytes: Uint8Array): string => {
  let name: string
  try {
    name = strict.decode(bytes)
  } catch {
    throw new TarError(
      `the name ${JSON.stringify(lossy.decode(bytes))} is not UTF-8, and cannot be made here: ` +
        "save the `archive` itself, and unpack it with tar"
    )
  }
  if (name.includes("\0")) throw new TarError(`the name ${JSON.stringify(name)} has a NUL character`)
  return name
}

/** GNU ends them in NUL */
const withoutNul = (bytes: Uint8Array): Uint8Array => {
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

/** What headers said of a member that is still to come. */
interface Said {
  readonly name?: Uint8Array
  readonly link?: Uint8Array
  readonly records?: Pax.Records
}

const toMember = (header: Header, said: Said, all: Pax.Records): Member => {
  const given = (key: string): Uint8Array | undefined => {
    const value = said.records?.get(key) ?? all.get(key)
    return value === undefined || value.length === 0 ? undefined : value
  }
  const name = decode(given("path") ?? said.name ?? header.name)
  const keys = [...(said.records?.keys() ?? []), ...all.keys()]
  if (header.flag === "S" || keys.some((key) => key.startsWith("GNU.sparse."))) {
    throw new TarError(`${JSON.stringify(name)} is a sparse file, as only GNU tar packs them`)
  }
  // Before there was a type for folders, a slash at the end said so.
  const type = types[header.flag] === "File" && name.endsWith("/") ? "Directory" : types[header.flag]
  if (type === undefined) {
    throw new TarError(`${JSON.stringify(name)} is of a type that is unknown here: ${JSON.stringify(header.flag)}`)
  }
  const isLink = type === "HardLink" || type === "Symlink"
  const sizeGiven = given("size")
  return {
    type,
    name,
    link: isLink ? decode(given("linkpath") ?? said.link ?? header.link) : "",
    mode: header.mode,
    // What is no file has no content, whatever its header says of its size.
    size: type !== "File" ? 0 : sizeGiven === undefined ? header.size : paxSize(sizeGiven)
  }
}

const paxSize = (bytes: Uint8Array): number => {
  const digits = lossy.decode(bytes)
  if (!/^\d+$/.test(digits)) throw new TarError("the size in one of its PAX headers is no number")
  return size(Number(digits))
}

const padded = (length: number): number => Math.ceil(length / blockSize) * blockSize

const isZero = (block: Uint8Array): boolean => block.every((byte) => byte === 0)

export const make = (): Reader => {
  /** the beginning of a header that goes on in the next piece, and of how many bytes it is */
  let held: Array<Uint8Array> = []
  let heldSize = 0
  let wanted = blockSize
  /** whose content is held, when it is a header of more than a block */
  let long: Header | undefined
  /** of the last member's content, and then of the zeros after it, what is still to come */
  let content = 0
  let padding = 0
  let zeroBlocks = 0
  let said: Said = {}
  let all: Pax.Records = new Map()
  let failed: TarError | undefined

  const takeLong = (header: Header, bytes: Uint8Array): void => {
    // the piece it is a view of may be used again
    const value = copy(bytes.subarray(0, header.size))
    if (header.flag === "L") said = { ...said, name: withoutNul(value) }
    else if (header.flag === "K") said = { ...said, link: withoutNul(value) }
    else if (header.flag === "x") said = { ...said, records: Pax.parse(value) }
    else all = new Map([...all, ...Pax.parse(value)])
  }

  const takeHeader = (block: Uint8Array, events: Array<Event>): void => {
    if (isZero(block)) {
      zeroBlocks++
      return
    }
    if (zeroBlocks > 0) throw new TarError("it goes on after a block of zeros, where only its end can be")
    const header = parse(block)
    if ("LKxg".includes(header.flag)) {
      if (header.size > maxHeader) throw new TarError(`one of its headers is ${header.size} bytes long`)
      if (header.size === 0) return
      long = header
      wanted = padded(header.size)
      return
    }
    // the name of the whole archive
    if (header.flag === "V") return
    const member = toMember(header, said, all)
    said = {}
    content = member.size
    padding = padded(member.size) - member.size
    events.push({ _tag: "Member", member })
  }

  const take = (whole: Uint8Array, events: Array<Event>): void => {
    if (long === undefined) return takeHeader(whole, events)
    const header = long
    long = undefined
    wanted = blockSize
    takeLong(header, whole)
  }

  const read = (bytes: Uint8Array, events: Array<Event>): void => {
    let at = 0
    // After its end an archive may be filled up with anything.
    while (at < bytes.length && zeroBlocks < 2) {
      const left = bytes.length - at
      if (content > 0) {
        const length = Math.min(content, left)
        events.push({ _tag: "Content", bytes: bytes.subarray(at, at + length) })
        content -= length
        at += length
      } else if (padding > 0) {
        const length = Math.min(padding, left)
        padding -= length
        at += length
      } else {
        const length = Math.min(wanted - heldSize, left)
        const part = bytes.subarray(at, at + length)
        at += length
        heldSize += length
        if (heldSize < wanted) {
          held.push(copy(part))
          continue
        }
        const whole = concat([...held, part])
        held = []
        heldSize = 0
        take(whole, events)
      }
    }
  }

  return {
    push: (bytes) => {
      const events: Array<Event> = []
      if (failed !== undefined) return { events, error: failed }
      try {
        read(bytes, events)
        return { events }
      } catch (error) {
        // Whatever else is thrown is a defect of ours.
        if (!(error instanceof TarError)) throw error
        failed = error
        return { events, error }
      }
    },
    end: () => failed ?? (zeroBlocks < 2 ? new TarError("it ends before its end", "Cut") : undefined)
  }
}

/** Hands everything to `use`, in order and one at a time; fails after all that came before the mistake was used. */
export const forEach = <E, R, E2, R2>(
  self: Stream.Stream<Uint8Array, E, R>,
  use: (event: Event) => Effect.Effect<void, E2, R2>
): Effect.Effect<void, E | E2 | TarError, R | R2> =>
  Effect.suspend(() => {
    const reader = make()
    return Stream.runForEach(self, (bytes) => {
      const { error, events } = reader.push(bytes)
      const used = Effect.forEach(events, use, { discard: true })
      return error === undefined ? used : Effect.zipRight(used, Effect.fail(error))
    }).pipe(
      Effect.zipRight(Effect.suspend(() => {
        const error = reader.end()
        return error === undefined ? Effect.void : Effect.fail(error)
      }))
    )
  })

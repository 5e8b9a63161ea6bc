/**
 * Everything about a run that can be refused without looking at the file system.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { BoxError } from "./BoxReport.js"
import type { BoxFile, BoxSpec, CommandSpec } from "./BoxSpec.js"

/** The kernel's bound for one argument or one `NAME=value`, less its NUL. */
export const maxWordBytes = 131_071
/** How many arguments a command may have. */
export const maxArguments = 9_000
/** How many variables. */
export const maxVariables = 2_900
/** Arguments and environment together: the kernel's 2 MiB, less what the shim needs beside them. */
export const maxTotalBytes = 2_000_000
/** How many files. More than that is an archive. */
export const maxFiles = 10_000
/** The kernel's bound for lower layers, less the upper. */
export const maxLayers = 499
// mount(2) takes one page of options
const maxMountOptions = 4_095
const maxId = 4_294_967_294

type Complaint = string | undefined

const bytes = (text: string): number => Buffer.byteLength(text)
const hasNul = (text: string): boolean => text.includes("\0")
const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)

const word = (what: string, text: string): Complaint =>
  hasNul(text)
    ? `${what} contains a NUL byte, which no program can be given`
    : bytes(text) > maxWordBytes
    ? `${what} is ${bytes(text)} bytes long; the limit is ${maxWordBytes}: pass it as a file or on stdin`
    : undefined

const first = (checks: Iterable<() => Complaint>): Complaint => {
  for (const check of checks) {
    const complaint = check()
    if (complaint !== undefined) return complaint
  }
  return undefined
}

const command = (spec: CommandSpec): Complaint =>
  first([
    () => spec.command === "" && !spec.shell ? "the command is empty" : undefined,
    () => word("the command", spec.command),
    () =>
      spec.args.length > maxArguments
        ? `${spec.args.length} arguments; the limit is ${maxArguments}: pass a list as a file or on stdin`
        : undefined,
    ...spec.args.map((arg, index) => () => word(`argument ${index + 1}`, arg))
  ])

const environment = (spec: CommandSpec): Complaint => {
  const entries = Object.entries(spec.env)
  return first([
    () => entries.length > maxVariables ? `${entries.length} variables; the limit is ${maxVariables}` : undefined,
    ...entries.map(([name, value]) => () =>
      name === "" || name.includes("=") || hasNul(name)
        ? `${shown(name)} cannot be the name of a variable: it is empty, or contains \`=\` or a NUL byte`
        // never the value: it may be a secret
        : word(`the variable ${shown(name)} with its value`, `${name}=${value}`)
    )
  ])
}

const total = (spec: CommandSpec): Complaint => {
  const size = [spec.command, ...spec.args].reduce((sum, arg) => sum + bytes(arg) + 9, 0) +
    Object.entries(spec.env).reduce((sum, [name, value]) => sum + bytes(name) + bytes(value) + 10, 0)
  return size > maxTotalBytes
    ? `arguments and environment are ${size} bytes together; the limit is ${maxTotalBytes}: use a file or stdin`
    : undefined
}

const place = (spec: CommandSpec): Complaint =>
  first([
    () => spec.cwd !== "" && !spec.cwd.startsWith("/") ? `cwd ${shown(spec.cwd)} is not absolute` : undefined,
    () =>
      hasNul(spec.cwd) || bytes(spec.cwd) > 4_095 ? "cwd contains a NUL byte or is longer than 4095 bytes" : undefined,
    () => isId(spec.uid) && isId(spec.gid) ? undefined : `uid and gid are whole numbers from 0 to ${maxId}`
  ])

const limits = (spec: BoxSpec): Complaint =>
  first([
    () =>
      /^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(spec.hostname)
        ? undefined
        : `${shown(spec.hostname)} is no host name: letters, digits, dots and dashes, 1 to 64 of them`,
    () => spec.timeoutSeconds > 0 && Number.isFinite(spec.timeoutSeconds) ? undefined : "the timeout is not positive",
    () =>
      spec.maxLayerBytes > 0 && Number.isSafeInteger(spec.maxLayerBytes) ? undefined : "max_layer_bytes is not positive"
  ])

const isId = (id: number): boolean => Number.isInteger(id) && id >= 0 && id <= maxId

const file = (entry: BoxFile): Complaint => {
  const name = `the file ${shown(entry.destination)}`
  if (!entry.destination.startsWith("/") || entry.destination.endsWith("/")) return `${name} needs an absolute path`
  if (hasNul(entry.destination) || bytes(entry.destination) > 4_095) return `${name} has a NUL byte or is too long`
  if (/^\/+(dev|proc|sys)(\/|$)/.test(entry.destination)) {
    return `${name} is not in the image: /dev, /proc and /sys are made anew for every run`
  }
  if (/(^|\/)\.{1,2}(\/|$)/.test(entry.destination)) return `${name} has \`.\` or \`..\` in its path`
  if (!isId(entry.uid) || !isId(entry.gid)) return `${name}: uid and gid are whole numbers from 0 to ${maxId}`
  if (!Number.isInteger(entry.mode) || entry.mode < 0 || entry.mode > 0o7777) {
    return `${name}: the mode is not 0 to 07777`
  }
  return entry.source.startsWith("/") && !hasNul(entry.source) ? undefined : `${name}: its source is not absolute`
}

const files = (spec: BoxSpec): Complaint =>
  first([
    () =>
      spec.files.length > maxFiles ? `${spec.files.length} files; the limit is ${maxFiles}: use an archive` : undefined,
    ...spec.files.map((entry) => () => file(entry))
  ])

// these come from the engine itself; a comma or a colon in them would be read as mount options
const folder = (path: string): boolean =>
  /^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/.test(path) && !/(^|\/)\.\.?(\/|$)/.test(path)

const layers = (spec: BoxSpec, options: string): Complaint =>
  first([
    () => /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(spec.operationId) ? undefined : "the operation id is malformed",
    () =>
      [...spec.layers, spec.upper, spec.work].every(folder)
        ? undefined
        : "a layer folder's name is not relative to the store, or has characters that mount options cannot carry",
    () =>
      spec.layers.length === 0 || spec.layers.length > maxLayers || options.length > maxMountOptions
        ? `${spec.layers.length} layers (${options.length} bytes of mount options); the kernel takes 1 to ${maxLayers} and ` +
          `${maxMountOptions} bytes: flatten the image`
        : undefined
  ])

const user = (owners: ReadonlyArray<{ readonly uid: number; readonly gid: number }>): Complaint => {
  const other = owners.find((owner) => owner.uid !== 0 || owner.gid !== 0)
  return other === undefined
    ? undefined
    : `uid ${other.uid} and gid ${other.gid}: an engine that is not root has a single user in its boxes. Use 0 and 0, ` +
      "or start the engine as root"
}

const verdict = (invalid: Complaint, unsupported: Complaint): Effect.Effect<void, BoxError> => {
  if (invalid !== undefined) return Effect.fail(new BoxError({ reason: "InvalidSpec", description: invalid }))
  return unsupported === undefined
    ? Effect.void
    : Effect.fail(new BoxError({ reason: "UnsupportedUser", description: unsupported }))
}

const anyCommand = (spec: CommandSpec): Complaint =>
  first([
    () => command(spec),
    () => environment(spec),
    () => total(spec),
    () => place(spec)
  ])

/** What is wrong with a process beside the main one, if anything. */
export const validateCommand = (spec: CommandSpec, mode: "root" | "user"): Effect.Effect<void, BoxError> =>
  verdict(anyCommand(spec), mode === "user" ? user([spec]) : undefined)

/** What is wrong with a run, if anything. `options` are the mount options it would get. */
export const validate = (spec: BoxSpec, mode: "root" | "user", options: string): Effect.Effect<void, BoxError> =>
  verdict(
    first([
      () => layers(spec, options),
      () => anyCommand(spec),
      () => limits(spec),
      () => files(spec)
    ]),
    mode === "user" ? user([spec, ...spec.files]) : undefined
  )

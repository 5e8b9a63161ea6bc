/**
 * The files that a chain reads when it starts. They are in the run's own folder, next to its upper, and go with it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as FsSync from "node:fs"
import * as Fs from "node:fs/promises"
import { dirname } from "node:path/posix"
import { BoxError } from "./BoxReport.js"
import type { BoxSpec, CommandSpec } from "./BoxSpec.js"
import * as BwrapOptions from "./BwrapOptions.js"
import type { Mode } from "./Chain.js"
import * as Shim from "./Shim.js"
import type { Tools } from "./Tools.js"

/** Relative to the store. */
export const folderOf = (spec: BoxSpec): string => `${dirname(spec.upper)}/s`

/** How the command's standard input is made. */
export const stdinKind = (spec: CommandSpec): "null" | "file" | "pipe" =>
  spec.stdin === "open" ? "pipe" : spec.stdin.length === 0 ? "null" : "file"

/** A failed system call as a `BoxError`. */
export const systemError = (tried: string, cause: unknown): BoxError => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  const text = cause instanceof Error ? cause.message : String(cause)
  return code === "ENOSPC" || code === "EDQUOT"
    ? new BoxError({
      reason: "DiskFull",
      description: `${tried}: no space left on the store's file system. Free some, or move the store`
    })
    : new BoxError({ reason: "StartFailed", description: `${tried}: ${text}` })
}

const hosts = (hostname: string): string =>
  `127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 ${hostname}\n`

// the merged root has the attributes of the upper's root: those of the image have to be given to it
const copyRootAttributes = (store: string, spec: BoxSpec, mode: Mode): void => {
  const top = FsSync.lstatSync(`${store}/${spec.layers.at(-1) ?? ""}`, { throwIfNoEntry: false })
  // the mount says more about a layer that is not there
  if (top === undefined) return
  const upper = `${store}/${spec.upper}`
  const now = FsSync.lstatSync(upper)
  if (mode === "root" && (now.uid !== top.uid || now.gid !== top.gid)) FsSync.lchownSync(upper, top.uid, top.gid)
  if (now.mode !== top.mode) FsSync.chmodSync(upper, top.mode & 0o7777)
}

const readResolvConf = (): string => {
  try {
    return FsSync.readFileSync("/etc/resolv.conf", "utf8")
  } catch {
    return ""
  }
}

// hard links where they can be: no data is copied, and one bind mount shows them all to the box that places them
const gatherContents = async (folder: string, spec: BoxSpec): Promise<void> => {
  await Fs.mkdir(`${folder}/f`)
  for (const [index, file] of spec.files.entries()) {
    const source = await Fs.realpath(file.source)
    const target = `${folder}/f/${index}`
    // another file system, or a file of somebody else
    await Fs.link(source, target).catch(() => Fs.copyFile(source, target, Fs.constants.COPYFILE_FICLONE))
  }
}

/** Input that is complete, as the file `i`. */
const writeInput = async (folder: string, spec: CommandSpec): Promise<void> => {
  if (spec.stdin === "open" || spec.stdin.length === 0) return
  await Fs.writeFile(`${folder}/i`, spec.stdin, { mode: 0o600, flag: "wx" })
  // another user than root may open /dev/stdin again, whatever the engine's umask is
  await Fs.chmod(`${folder}/i`, 0o644)
}

// Small files at once: each takes microseconds on the local disk that a store is on, and a detour over Node's threads
// takes many times that on a busy machine. What may be large takes the detour.
const write = async (store: string, spec: BoxSpec, mode: Mode, tools: Tools): Promise<void> => {
  const folder = `${store}/${folderOf(spec)}`
  const put = (name: string, content: string | Uint8Array): void =>
    FsSync.writeFileSync(`${folder}/${name}`, content, { mode: 0o600, flag: "wx" })
  copyRootAttributes(store, spec, mode)
  put("args", BwrapOptions.run(spec, tools))
  put("script", Shim.script(spec, spec.maxLayerBytes, tools))
  put("hostname", `${spec.hostname}\n`)
  put("hosts", hosts(spec.hostname))
  const resolv = spec.network === "host" ? readResolvConf() : ""
  if (resolv !== "") put("resolv.conf", resolv)
  await writeInput(folder, spec)
  if (spec.files.length > 0) {
    await gatherContents(folder, spec)
    put("place", Shim.placeScript(spec.files, tools))
    put("place-args", BwrapOptions.place(`${folderOf(spec)}/f`, spec.hostname, tools))
  }
}

const remove = (folder: string): void => {
  try {
    FsSync.rmSync(folder, { recursive: true, force: true })
  } catch {
    // the folder of the whole operation goes next, or with the next cleaning
  }
}

/** The folder of a command beside the main one: in the run's own, for the time of `use`. */
export const withSubfolder = <A, E, R>(
  options: {
    readonly store: string
    readonly run: BoxSpec
    readonly name: string
    readonly spec: CommandSpec
    readonly tools: Tools
  },
  use: Effect.Effect<A, E, R>
): Effect.Effect<A, E | BoxError, R> => {
  const folder = `${options.store}/${folderOf(options.run)}/${options.name}`
  const tried = `preparing the process in ${folder}`
  return Effect.acquireUseRelease(
    Effect.try({
      try: () => FsSync.mkdirSync(folder, { mode: 0o700 }),
      catch: (cause) => systemError(tried, cause)
    }),
    () =>
      Effect.uninterruptible(Effect.tryPromise({
        try: () => {
          const text = Shim.script(options.spec, options.run.maxLayerBytes, options.tools)
          FsSync.writeFileSync(`${folder}/script`, text, { mode: 0o600, flag: "wx" })
          return writeInput(folder, options.spec)
        },
        catch: (cause) => systemError(tried, cause)
      })).pipe(Effect.zipRight(use)),
    () => Effect.sync(() => remove(folder))
  )
}

/**
 * Makes the folder for the time of `use`; whatever happens in there, it is gone afterwards. `use` gets what fills it: to be
 * done before the chain is let go, and best while it comes up.
 */
export const withFolder = <A, E, R>(
  options: { readonly store: string; readonly spec: BoxSpec; readonly mode: Mode; readonly tools: Tools },
  use: (fill: Effect.Effect<void, BoxError>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | BoxError, R> => {
  const folder = `${options.store}/${folderOf(options.spec)}`
  const tried = `preparing the run in ${folder}`
  return Effect.acquireUseRelease(
    Effect.try({
      try: () => FsSync.mkdirSync(folder, { mode: 0o700 }),
      catch: (cause) => systemError(tried, cause)
    }),
    () =>
      use(Effect.uninterruptible(Effect.tryPromise({
        try: () => write(options.store, options.spec, options.mode, options.tools),
        catch: (cause) => systemError(tried, cause)
      }))),
    () => Effect.sync(() => remove(folder))
  )
}

/**
 * Where a chain and the engine meet: a tmpfs over /sys, which nobody needs, in the chain's own mount namespace. The pipes
 * are in it, and what the chain reads after it has said `up`. The engine reaches it through procfs for as long as the
 * chain lives, and it goes with the chain.
 *
 * What root in a box writes through `/proc/2/fd` stays in it, and is bounded by its size.
 *
 * Not a folder of the store: a journalling file system takes the longer to make a file the more were removed in the last
 * seconds, and each run would make and remove nine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import type { BoxError } from "./BoxReport.js"
import type { BoxSpec, CommandSpec } from "./BoxSpec.js"
import * as BwrapOptions from "./BwrapOptions.js"
import { runText, type StdinKind } from "./ChainScript.js"
import type { LiveChain } from "./LiveChain.js"
import { roomError } from "./Outcome.js"
import * as RunFolder from "./RunFolder.js"
import * as Shim from "./Shim.js"
import type { Tools } from "./Tools.js"

/** How the command's standard input is made. */
export const stdinKind = (spec: CommandSpec): StdinKind =>
  spec.stdin === "open" ? "pipe" : spec.stdin.length === 0 ? "null" : "file"

/** Of a chain that is up: `unshare` is in the mount namespace that it has made. */
export const pathOf = (chain: Pick<LiveChain, "pid">): string => `/proc/${chain.pid}/root/sys`

const hosts = (hostname: string): string =>
  `127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 ${hostname}\n`

const readResolvConf = (): string => {
  try {
    return readFileSync("/etc/resolv.conf", "utf8")
  } catch {
    return ""
  }
}

const put = (path: string, content: string | Uint8Array): void =>
  writeFileSync(path, content, { mode: 0o600, flag: "wx" })

const putCommand = (room: string, spec: CommandSpec, run: BoxSpec, tools: Tools): void => {
  put(`${room}/script`, Shim.script(spec, run.maxLayerBytes, tools))
  if (spec.stdin === "open" || spec.stdin.length === 0) return
  put(`${room}/in`, spec.stdin)
  // another user than root may open /dev/stdin again, whatever the engine's umask is
  chmodSync(`${room}/in`, 0o644)
}

/** By then its process id may be somebody else's. */
const gone = Object.assign(new Error("the chain has ended"), { code: "ESRCH" })

const within = (chain: LiveChain, action: (room: string) => void): Effect.Effect<void, BoxError> =>
  Effect.try({
    try: () => {
      if (chain.hasExited()) throw gone
      action(pathOf(chain))
    },
    catch: (cause) => roomError("preparing the run", cause)
  })

/** What the chain of a run reads before it becomes the box, which mounts with these options. */
export const fill = (chain: LiveChain, spec: BoxSpec, options: string, tools: Tools): Effect.Effect<void, BoxError> =>
  within(chain, (room) => {
    const { files, operationId } = spec
    put(`${room}/run`, runText({ operationId, options, stdin: stdinKind(spec), hasFiles: files.length > 0 }))
    putCommand(room, spec, spec, tools)
    put(`${room}/args`, BwrapOptions.run(spec, tools))
    put(`${room}/hostname`, `${spec.hostname}\n`)
    put(`${room}/hosts`, hosts(spec.hostname))
    const resolv = spec.network === "host" ? readResolvConf() : ""
    if (resolv !== "") put(`${room}/resolv.conf`, resolv)
    if (spec.files.length === 0) return
    put(`${room}/place`, Shim.placeScript(spec.files, tools))
    put(`${room}/place-args`, BwrapOptions.place(RunFolder.contentsOf(spec), spec.hostname, tools))
  })

/** A part of it for the time of `use`, for a command beside the main one. It makes its pipes there. */
export const withPart = <A, E, R>(
  box: { readonly chain: LiveChain; readonly spec: BoxSpec; readonly tools: Tools },
  name: string,
  spec: CommandSpec,
  use: Effect.Effect<A, E, R>
): Effect.Effect<A, E | BoxError, R> => {
  const { chain } = box
  return Effect.acquireUseRelease(
    within(chain, (room) => mkdirSync(`${room}/${name}`, { mode: 0o700 })),
    () => Effect.zipRight(within(chain, (room) => putCommand(`${room}/${name}`, spec, box.spec, box.tools)), use),
    // it may be gone with the whole room
    () => Effect.ignore(within(chain, (room) => rmSync(`${room}/${name}`, { recursive: true, force: true })))
  )
}

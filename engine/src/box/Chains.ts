/**
 * The chains of an engine. One is made ahead when a run has ended: it is up, in its cgroups, with its pipes made, before
 * the next run would have to wait for all of that. Not earlier: what the run itself needs of the machine comes first. One
 * that nobody wants for a while goes: an idle engine has none, and pins no mounts of the host.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as Cgroups from "./Cgroups.js"
import { commandLine, type Mode } from "./Chain.js"
import { isAlive } from "./HostProcesses.js"
import type * as LiveChain from "./LiveChain.js"
import type * as Starter from "./Starter.js"
import type { Tools } from "./Tools.js"

/** A chain, up or coming up, and the cgroups that it is in. */
export interface Prepared {
  readonly chain: LiveChain.LiveChain
  readonly groups: Cgroups.Groups
}

/** Where runs get their chains: one each. Afterwards nothing of it is left: no process, no cgroup. */
export type Chains = <A, E>(use: (prepared: Prepared) => Effect.Effect<A, E>) => Effect.Effect<A, E>

interface Options {
  readonly store: string
  readonly mode: Mode
  readonly tools: Tools
  /** Where each chain gets cgroups that bound it. */
  readonly cgroups: ReadonlyArray<Cgroups.Parent>
  readonly starter: Starter.Starter
}

const idleMillis = 5_000

const begin = ({ cgroups, mode, starter, store, tools }: Options): Prepared => {
  const groups = Cgroups.create(cgroups, randomUUID())
  const [file, ...args] = commandLine({ mode, tools, store, groups })
  return { groups, chain: starter.start(file, args) }
}

const end = async ({ chain, groups }: Prepared): Promise<void> => {
  await chain.killAll()
  await Cgroups.remove(groups)
}

/** Its end may not have been told yet. */
const isThere = ({ chain }: Prepared): boolean => !chain.hasExited() && (chain.pid === undefined || isAlive(chain.pid))

const using = (acquire: () => Prepared): Chains => (use) =>
  Effect.acquireUseRelease(Effect.sync(acquire), use, (prepared) => Effect.promise(() => end(prepared)))

/** A new chain for each run, and none ahead. */
export const oneByOne = (options: Options): Chains => using(() => begin(options))

const through = (options: Options): { readonly chains: Chains; readonly close: Effect.Effect<void> } => {
  let spare: { readonly prepared: Prepared; readonly timer: NodeJS.Timeout } | undefined
  let isClosed = false
  const ending = new Set<Promise<void>>()
  const drop = (prepared: Prepared): void => {
    const done = end(prepared).finally(() => ending.delete(done))
    ending.add(done)
  }
  const taken = (): Prepared | undefined => {
    if (spare === undefined) return undefined
    const { prepared, timer } = spare
    spare = undefined
    clearTimeout(timer)
    if (isThere(prepared)) return prepared
    // somebody has killed it, or it could not come up: the next one says why
    drop(prepared)
    return undefined
  }
  const dropSpare = (): void => {
    const prepared = taken()
    if (prepared !== undefined) drop(prepared)
  }
  const take = (): Prepared => {
    const prepared = taken() ?? begin(options)
    prepared.chain.ref()
    return prepared
  }
  const prepare = (): void => {
    if (isClosed || spare !== undefined) return
    const prepared = begin(options)
    // it keeps no program from ending
    prepared.chain.unref()
    spare = { prepared, timer: setTimeout(dropSpare, idleMillis).unref() }
  }
  return {
    chains: (use) => Effect.ensuring(using(take)(use), Effect.sync(prepare)),
    close: Effect.promise(async () => {
      isClosed = true
      dropSpare()
      await Promise.all(ending)
    })
  }
}

/** For the time of the scope, which ends after the last run. */
export const make = (options: Options): Effect.Effect<Chains, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => through(options)), ({ close }) => close),
    ({ chains }) => chains
  )

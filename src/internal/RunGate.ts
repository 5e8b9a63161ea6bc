/**
 * What closes with a `scratch` scope: every handle derived inside has passed through the gate, and once it is shut none
 * of them does anything any more.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import { shielded } from "./RunShielded.js"

export interface Gate {
  readonly isOpen: () => boolean
  readonly check: (method: string) => Effect.Effect<void, Errors.DisposableImageRunError>
  /** What to do about a run that is going on when the gate shuts; the returned effect takes it back. */
  readonly register: (cancel: Effect.Effect<void>) => Effect.Effect<Effect.Effect<void>>
  /** A tag that was set, to be removed when the gate shuts. */
  readonly tagged: (id: Ids.ImageId, tag: string) => Effect.Effect<void>
  readonly untagged: (id: Ids.ImageId, tag: string) => Effect.Effect<void>
}

/** For handles that belong to nothing that closes. */
export const open: Gate = {
  isOpen: () => true,
  check: () => Effect.void,
  register: () => Effect.succeed(Effect.void),
  tagged: () => Effect.void,
  untagged: () => Effect.void
}

/** From now on whoever shuts the gate waits, so long at most, until the effect that this returns has run. */
export const announce = (gate: Gate, limit: Duration.Duration): Effect.Effect<Effect.Effect<void>> =>
  Effect.flatMap(Deferred.make<void>(), (settled) =>
    Effect.map(
      gate.register(Effect.asVoid(shielded(Deferred.await(settled), limit))),
      (leave) => Effect.zipRight(leave, Effect.asVoid(Deferred.succeed(settled, undefined)))
    ))

/** Whoever shuts the gate meanwhile waits for it, so long at most. */
export const awaited =
  (gate: Gate, limit: Duration.Duration) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(announce(gate, limit), () => self, (settle) => settle)

const closedScratch = "the scratch scope it came from is closed: use it inside, or keep the image with session()"
const closedLayer = "the layer it came from is closed: use it where the layer is provided"

export const shutError = (method: string, description: string = closedScratch): Errors.DisposableImageRunError =>
  new Errors.DisposableImageRunError({ method, description })

/** The outermost gate: of all handles of one connection to a service. */
export interface Root extends Gate {
  /** ends every run that goes on, all at once: as long as the slowest of them takes to be cancelled */
  readonly close: Effect.Effect<void>
}

const cancelAll = (running: Iterable<Effect.Effect<void>>): Effect.Effect<void> =>
  Effect.forEach([...running], (cancel) => cancel, { concurrency: "unbounded", discard: true })

const makeRoot = (): Root => {
  let isShut = false
  const running = new Set<Effect.Effect<void>>()
  return {
    ...open,
    isOpen: () => !isShut,
    check: (method) => Effect.suspend(() => isShut ? Effect.fail(shutError(method, closedLayer)) : Effect.void),
    register: (cancel) =>
      Effect.sync(() => {
        running.add(cancel)
        return Effect.sync(() => running.delete(cancel))
      }),
    close: Effect.suspend(() => {
      isShut = true
      return cancelAll(running)
    })
  }
}

const roots = new WeakMap<object, Root>()

/** The gate of a connection: whoever works over the same one shares it. */
export const rootOf = (connection: object): Root => {
  const found = roots.get(connection)
  if (found !== undefined) return found
  const root = makeRoot()
  roots.set(connection, root)
  return root
}

const tagKey = (id: Ids.ImageId, tag: string): string => `${id} ${tag}`

/** A gate inside another: it shuts with its own scope, and is shut while the outer one is. */
export const make = (
  outer: Gate,
  removeTag: (id: Ids.ImageId, tag: string) => Effect.Effect<void>
): Effect.Effect<Gate, never, Scope.Scope> => {
  let isShut = false
  const running = new Set<Effect.Effect<void>>()
  const tags = new Map<string, { readonly id: Ids.ImageId; readonly tag: string }>()
  const isOpen = () => !isShut && outer.isOpen()
  const gate: Gate = {
    isOpen,
    check: (method) => Effect.suspend(() => isOpen() ? Effect.void : Effect.fail(shutError(method))),
    register: (cancel) =>
      Effect.map(outer.register(cancel), (leaveOuter) => {
        running.add(cancel)
        return Effect.zipRight(Effect.sync(() => running.delete(cancel)), leaveOuter)
      }),
    tagged: (id, tag) =>
      Effect.zipRight(Effect.sync(() => tags.set(tagKey(id, tag), { id, tag })), outer.tagged(id, tag)),
    untagged: (id, tag) => Effect.zipRight(Effect.sync(() => tags.delete(tagKey(id, tag))), outer.untagged(id, tag))
  }
  const shut = Effect.suspend(() => {
    isShut = true
    const removeAll = Effect.suspend(() =>
      Effect.forEach(
        [...tags.values()],
        ({ id, tag }) => Effect.zipRight(removeTag(id, tag), outer.untagged(id, tag)),
        { concurrency: 4, discard: true }
      )
    )
    return Effect.zipRight(cancelAll(running), removeAll)
  })
  return Effect.acquireRelease(Effect.succeed(gate), () => shut)
}

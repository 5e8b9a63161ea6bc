/**
 * The value behind `Session`: a handle over an immutable tree.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Errors from "../schemas/Errors.js"
import * as Ids from "../schemas/Ids.js"
import type { Environment, Image } from "./Image.js"
import type { Busy, Concurrency, Node, Session, SessionOptions } from "./Session.js"
import type { Snapshot, SnapshotNode } from "./SessionExport.js"

/** never changed: each step makes a new one that shares what was there */
interface Tree {
  readonly nodes: HashMap.HashMap<Ids.NodeId, Node>
  readonly branches: HashMap.HashMap<string, Ids.NodeId>
  readonly tip: Node
}

type Step = (tree: Tree) => Either.Either<Tree, Errors.SessionError>

const refuse = (method: string, argument: string, description: string): Either.Either<never, Errors.SessionError> =>
  Either.left(new Errors.InvalidArgumentError({ method, argument, description }))

const parentOf = (tree: Tree, node: Node): Option.Option<Node> =>
  Option.flatMap(node.parent, (id) => HashMap.get(tree.nodes, id))

const historyOf = (tree: Tree): NonEmptyReadonlyArray<Node> => {
  const path: [Node, ...Array<Node>] = [tree.tip]
  let parent = parentOf(tree, tree.tip)
  while (Option.isSome(parent)) {
    path.push(parent.value)
    parent = parentOf(tree, parent.value)
  }
  path.reverse()
  return path
}

const branchStep = (name: string): Step => (tree) =>
  name === ""
    ? refuse("Session.branch", "name", "a branch needs a name")
    : Either.right({ ...tree, branches: HashMap.set(tree.branches, name, tree.tip.id) })

const checkoutStep = (target: string): Step => (tree) => {
  // a branch that is named as a node is meant as a branch: its name was chosen, a node's was not
  const id = Option.getOrElse(HashMap.get(tree.branches, target), () => Ids.NodeId.make(target))
  return Option.match(HashMap.get(tree.nodes, id), {
    onNone: () => refuse("Session.checkout", "target", `there is no branch and no node ${JSON.stringify(target)}`),
    onSome: (tip) => Either.right({ ...tree, tip })
  })
}

const rollbackStep = (steps: number): Step => (tree) => {
  if (!Number.isInteger(steps) || steps < 0) {
    return refuse("Session.rollback", "steps", `expected a whole number from 0, got ${steps}`)
  }
  const history = historyOf(tree)
  const tip = history[history.length - 1 - steps]
  return tip === undefined
    ? refuse(
      "Session.rollback",
      "steps",
      `there are ${history.length - 1} nodes to go back to, and ${steps} were asked for`
    )
    : Either.right({ ...tree, tip })
}

/** the node is there, new or in the place of the one with its id, and the tip is there */
const withTip = (tree: Tree, tip: Node): Tree => ({ ...tree, nodes: HashMap.set(tree.nodes, tip.id, tip), tip })

/** what is given wins; environments join name by name, and `undefined` takes a name away */
const merged = <O extends Environment>(defaults: Environment, options: O | undefined): Environment & O => {
  const given = Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined))
  const env = { ...defaults.env, ...options?.env }
  // the rest of O is as it came
  return { ...defaults, ...(given as O), ...(Object.keys(env).length === 0 ? {} : { env }) }
}

const plain = ({ command, exit, id, image, parent }: Node): SnapshotNode => ({
  id,
  parent,
  image: { id: image.id, tag: image.tag },
  command,
  exit
})

const snapshotOf = ({ branches, nodes, tip }: Tree): Snapshot => {
  const [first = tip, ...others] = Array.from(HashMap.values(nodes)).sort((a, b) => numberOf(a.id) - numberOf(b.id))
  return {
    version: 1,
    tip: tip.id,
    branches: Array.from(branches, ([name, node]) => ({ name, node }))
      .sort((a, b) => a.name < b.name ? -1 : 1),
    nodes: [plain(first), ...others.map(plain)]
  }
}

class SessionImpl<E> extends Inspectable.Class implements Session<E> {
  #tree: Tree
  readonly #defaults: Environment
  readonly #nextId: () => Ids.NodeId
  /** what a call that meets another fails with; without it, it waits */
  readonly #refuse: ((method: string) => E) | undefined
  readonly #lock = Effect.unsafeMakeSemaphore(1)

  constructor(
    tree: Tree,
    defaults: Environment,
    nextId: () => Ids.NodeId,
    refuse: ((method: string) => E) | undefined
  ) {
    super()
    this.#tree = tree
    this.#defaults = defaults
    this.#nextId = nextId
    this.#refuse = refuse
  }

  /** not while a run is on its way: it would move the tip from where it no longer is */
  #alone<A, E1, R>(method: string, self: Effect.Effect<A, E1, R>): Effect.Effect<A, E1 | E, R> {
    const refuse = this.#refuse
    if (refuse === undefined) return this.#lock.withPermits(1)(self)
    return Effect.flatMap(
      this.#lock.withPermitsIfAvailable(1)(self),
      Option.match({
        onNone: () => Effect.failSync(() => refuse(method)),
        onSome: Effect.succeed
      })
    )
  }

  #step(method: string, step: Step): Effect.Effect<Node, Errors.SessionError | E> {
    return this.#alone(
      method,
      Effect.suspend(() =>
        Either.map(step(this.#tree), (tree) => {
          this.#tree = tree
          return tree.tip
        })
      )
    )
  }

  readonly run: Session<E>["run"] = (command, options) =>
    this.#alone(
      "Session.run",
      Effect.suspend(() => {
        const parent = this.#tree.tip
        return parent.image.run(command, { ...merged(this.#defaults, options), disposable: false }).pipe(
          Effect.tap((result) =>
            Effect.sync(() => {
              const tip: Node = {
                id: this.#nextId(),
                parent: Option.some(parent.id),
                image: result.image,
                command: Option.some(command),
                exit: Option.some(result.exit)
              }
              this.#tree = withTip(this.#tree, tip)
            })
          )
        )
      })
    ).pipe(Effect.withSpan("Contree.Session.run"))

  readonly tag: Session<E>["tag"] = (name) =>
    this.#alone(
      "Session.tag",
      Effect.suspend(() =>
        Effect.map(this.#tree.tip.image.tagAs(name), (image) => {
          const tip: Node = { ...this.#tree.tip, image }
          this.#tree = withTip(this.#tree, tip)
          return tip
        })
      )
    ).pipe(Effect.withSpan("Contree.Session.tag"))

  readonly exec: Session<E>["exec"] = (command, options) =>
    Effect.suspend(() => this.#tree.tip.image.run(command, { ...merged(this.#defaults, options), disposable: true }))
      .pipe(Effect.withSpan("Contree.Session.exec"))

  get tip(): Session<E>["tip"] {
    return Effect.sync(() => this.#tree.tip)
  }
  get image(): Session<E>["image"] {
    return Effect.sync((): Image => this.#tree.tip.image)
  }
  get history(): Session<E>["history"] {
    return Effect.sync(() => historyOf(this.#tree))
  }
  get branches(): Session<E>["branches"] {
    return Effect.sync(() => this.#tree.branches)
  }
  readonly branch: Session<E>["branch"] = (name) => this.#step("Session.branch", branchStep(name))
  readonly checkout: Session<E>["checkout"] = (target) => this.#step("Session.checkout", checkoutStep(target))
  readonly rollback: Session<E>["rollback"] = (steps = 1) => this.#step("Session.rollback", rollbackStep(steps))

  get fork(): Session<E>["fork"] {
    return Effect.sync(() => new SessionImpl(this.#tree, this.#defaults, this.#nextId, this.#refuse))
  }

  get snapshot(): Session<E>["snapshot"] {
    return Effect.sync(() => snapshotOf(this.#tree))
  }

  toJSON(): unknown {
    return {
      _id: "Session",
      tip: this.#tree.tip.id,
      image: this.#tree.tip.image.toJSON(),
      depth: historyOf(this.#tree).length,
      branches: Object.fromEntries(this.#tree.branches)
    }
  }
}

const busy = (method: string): Errors.ConflictError =>
  new Errors.ConflictError({
    method,
    description: "a run is going on in this session, whose concurrency is \"refuse\"; nothing was sent",
    retryable: true
  })

const numberOf = (id: Ids.NodeId): number => Number(id.slice("node-".length))

/**
 * A session that begins at this image.
 *
 * @internal
 */
export const make = <Q extends Concurrency = "queue">(image: Image, options: SessionOptions<Q>): Session<Busy<Q>> => {
  const { concurrency, ...defaults } = options
  let count = 0
  const nextId = (): Ids.NodeId => Ids.NodeId.make(`node-${count++}`)
  const root: Node = { id: nextId(), parent: Option.none(), image, command: Option.none(), exit: Option.none() }
  const tree: Tree = { nodes: HashMap.make([root.id, root]), branches: HashMap.empty(), tip: root }
  // `Q` is the value just tested, which a conditional type over it cannot follow
  const refuse = concurrency === "refuse" ? busy as (method: string) => Busy<Q> : undefined
  return new SessionImpl<Busy<Q>>(tree, defaults, nextId, refuse)
}

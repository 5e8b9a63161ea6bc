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
import type { Node, Session } from "./Session.js"

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

/** what is given wins; environments join name by name, and `undefined` takes a name away */
const merged = <O extends Environment>(defaults: Environment, options: O | undefined): Environment & O => {
  const given = Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined))
  const env = { ...defaults.env, ...options?.env }
  // the rest of O is as it came
  return { ...defaults, ...(given as O), ...(Object.keys(env).length === 0 ? {} : { env }) }
}

class SessionImpl extends Inspectable.Class implements Session {
  #tree: Tree
  readonly #defaults: Environment
  readonly #nextId: () => Ids.NodeId
  readonly #lock = Effect.unsafeMakeSemaphore(1)

  constructor(tree: Tree, defaults: Environment, nextId: () => Ids.NodeId) {
    super()
    this.#tree = tree
    this.#defaults = defaults
    this.#nextId = nextId
  }

  #step(step: Step): Effect.Effect<Node, Errors.SessionError> {
    // not while a run is on its way: it would move the tip from where it no longer is
    return this.#lock.withPermits(1)(Effect.suspend(() =>
      Either.map(step(this.#tree), (tree) => {
        this.#tree = tree
        return tree.tip
      })
    ))
  }

  readonly run: Session["run"] = (command, options) =>
    this.#lock.withPermits(1)(Effect.suspend(() => {
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
            this.#tree = { ...this.#tree, nodes: HashMap.set(this.#tree.nodes, tip.id, tip), tip }
          })
        )
      )
    })).pipe(Effect.withSpan("Contree.Session.run"))

  readonly exec: Session["exec"] = (command, options) =>
    Effect.suspend(() => this.#tree.tip.image.run(command, { ...merged(this.#defaults, options), disposable: true }))
      .pipe(Effect.withSpan("Contree.Session.exec"))

  get tip(): Session["tip"] {
    return Effect.sync(() => this.#tree.tip)
  }
  get image(): Session["image"] {
    return Effect.sync((): Image => this.#tree.tip.image)
  }
  get history(): Session["history"] {
    return Effect.sync(() => historyOf(this.#tree))
  }
  get branches(): Session["branches"] {
    return Effect.sync(() => this.#tree.branches)
  }
  readonly branch: Session["branch"] = (name) => this.#step(branchStep(name))
  readonly checkout: Session["checkout"] = (target) => this.#step(checkoutStep(target))
  readonly rollback: Session["rollback"] = (steps = 1) => this.#step(rollbackStep(steps))

  get fork(): Session["fork"] {
    return Effect.sync(() => new SessionImpl(this.#tree, this.#defaults, this.#nextId))
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

/**
 * A session that begins at this image.
 *
 * @internal
 */
export const make = (image: Image, defaults: Environment): Session => {
  let count = 0
  const nextId = (): Ids.NodeId => Ids.NodeId.make(`node-${count++}`)
  const root: Node = { id: nextId(), parent: Option.none(), image, command: Option.none(), exit: Option.none() }
  const tree: Tree = { nodes: HashMap.make([root.id, root]), branches: HashMap.empty(), tip: root }
  return new SessionImpl(tree, defaults, nextId)
}

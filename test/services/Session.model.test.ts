import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, FastCheck, Fiber, HashMap, Option } from "effect"
import { Command, Errors } from "effect-contree"
import type { Ids, Image, Session } from "effect-contree"
import { type Fake, type FakeOperation, imageId, imageOf, makeFake } from "../support/fakeApi.js"

/** how a run comes out; `Hangs` is interrupted while it runs */
type Outcome = "Ok" | "BadExit" | "Checked" | "Fails" | "TimesOut" | "LeavesNoImage" | "Hangs"
const outcomes: ReadonlyArray<Outcome> = ["Ok", "BadExit", "Checked", "Fails", "TimesOut", "LeavesNoImage", "Hangs"]
const moves: ReadonlyArray<Outcome> = ["Ok", "BadExit", "TimesOut"]

type Step =
  | { readonly _tag: "Run"; readonly outcomes: ReadonlyArray<Outcome> }
  | { readonly _tag: "Exec" }
  | { readonly _tag: "Branch"; readonly name: string }
  | { readonly _tag: "Checkout"; readonly target: string }
  | { readonly _tag: "Rollback"; readonly steps: number }
  | { readonly _tag: "Fork" }
  | { readonly _tag: "Tag"; readonly name: string }
/** one step, of one of the sessions there are by then */
interface Play {
  readonly who: number
  readonly step: Step
}

// ------------------------------------------------------------------------------------------------------------ model

interface ModelNode {
  readonly parent: number | undefined
  readonly image: string
  readonly tag: string | undefined
  readonly command: string | undefined
}
interface Model {
  readonly nodes: ReadonlyMap<number, ModelNode>
  readonly branches: ReadonlyMap<string, number>
  readonly tip: number
}

const history = (model: Model): ReadonlyArray<number> => {
  const path: Array<number> = []
  for (let at: number | undefined = model.tip; at !== undefined; at = model.nodes.get(at)!.parent) path.unshift(at)
  return path
}

/** what the model becomes, or that the step is refused */
const after = (model: Model, step: Exclude<Step, { readonly _tag: "Run" | "Exec" | "Fork" }>): Model | undefined => {
  switch (step._tag) {
    case "Branch":
      return step.name === "" ? undefined : { ...model, branches: new Map(model.branches).set(step.name, model.tip) }
    case "Checkout": {
      const id = model.branches.get(step.target) ?? /^node-(\d+)$/.exec(step.target)?.[1]
      const tip = id === undefined ? undefined : Number(id)
      return tip !== undefined && model.nodes.has(tip) ? { ...model, tip } : undefined
    }
    case "Rollback": {
      const path = history(model)
      const tip = Number.isInteger(step.steps) && step.steps >= 0 ? path[path.length - 1 - step.steps] : undefined
      return tip === undefined ? undefined : { ...model, tip }
    }
    case "Tag":
      return step.name.includes(" ")
        ? undefined
        : { ...model, nodes: new Map(model.nodes).set(model.tip, { ...model.nodes.get(model.tip)!, tag: step.name }) }
  }
}

// ---------------------------------------------------------------------------------------------------------- the fake

let images = 500
/** the command says how its run comes out, and which one it is */
const commandOf = (outcome: Outcome, n: number): Command.Command => Command.exec(outcome, [String(n)])

const play = (operation: FakeOperation): void => {
  const image = imageId(images++)
  switch (operation.request.command as Outcome) {
    case "Ok":
      return void operation.exit(0, image)
    case "BadExit":
    case "Checked":
      return void operation.exit(3, image)
    case "Fails":
      return void operation.end("FAILED", { error: "no room" })
    case "TimesOut":
      return void operation.end("SUCCESS", { timedOut: true, signal: 9, image })
    case "LeavesNoImage":
      return void operation.end("SUCCESS", { timedOut: true, signal: 9 })
    case "Hangs":
      return void operation.spawned()
    default:
      return void operation.exit(0)
  }
}

// --------------------------------------------------------------------------------------------------------- the plays

const anyStep: FastCheck.Arbitrary<Step> = FastCheck.oneof(
  {
    weight: 4,
    arbitrary: FastCheck.array(FastCheck.constantFrom(...outcomes), { minLength: 1, maxLength: 3 }).map((outcomes) => ({
      _tag: "Run" as const,
      outcomes
    }))
  },
  FastCheck.constant({ _tag: "Exec" as const }),
  FastCheck.constantFrom("a", "b", "", "node-1").map((name) => ({ _tag: "Branch" as const, name })),
  FastCheck.constantFrom("a", "b", "none", "node-0", "node-1", "node-2", "node-99").map((target) => ({
    _tag: "Checkout" as const,
    target
  })),
  FastCheck.constantFrom(0, 1, 2, 5, -1, 0.5).map((steps) => ({ _tag: "Rollback" as const, steps })),
  FastCheck.constant({ _tag: "Fork" as const }),
  FastCheck.constantFrom("t", "u:1", "no spaces").map((name) => ({ _tag: "Tag" as const, name }))
)
const anyPlay = FastCheck.array(FastCheck.record({ who: FastCheck.nat({ max: 5 }), step: anyStep }), { maxLength: 25 })

interface Actor {
  readonly session: Session.Session<Errors.ConflictError>
  model: Model
}

const idOf = (image: Image.Image): string => Option.getOrElse(image.id, () => "none")
const nodeId = (n: number) => `node-${n}` as Ids.NodeId

/** Is the session what the model says? */
const compare = ({ model, session }: Actor) =>
  Effect.gen(function*() {
    const path = yield* session.history
    expect(path.map((node) => [
      node.id,
      Option.getOrUndefined(node.parent),
      idOf(node.image),
      Option.getOrUndefined(node.image.tag),
      Option.getOrUndefined(Option.map(node.command, (command) => command._tag === "Exec" ? command.args[0] : ""))
    ])).toEqual(
      history(model).map((n) => {
        const { command, image, parent, tag } = model.nodes.get(n)!
        return [nodeId(n), parent === undefined ? undefined : nodeId(parent), image, tag, command]
      })
    )
    const { tip, ...snapshot } = yield* session.snapshot
    expect(tip).toBe(nodeId(model.tip))
    expect(snapshot.nodes.map(({ id }) => id)).toEqual([...model.nodes.keys()].sort((a, b) => a - b).map(nodeId))
    expect(new Map(HashMap.toEntries(yield* session.branches))).toEqual(
      new Map([...model.branches].map(([name, n]) => [name, nodeId(n)]))
    )
  })

/** Runs that begin together, in this order. Where they queue, each begins on what the one before left. */
const runTogether = (fake: Fake, actor: Actor, wanted: ReadonlyArray<Outcome>, refuses: boolean, next: () => number) =>
  Effect.gen(function*() {
    const before = fake.operations.length
    const labels = wanted.map((_, i) => before + i)
    const fibers = yield* Effect.forEach(
      wanted,
      (outcome, i) => Effect.fork(actor.session.run(commandOf(outcome, labels[i]!), { check: outcome === "Checked" }))
    )
    const runsHere = refuses ? wanted.slice(0, 1) : wanted
    for (const [i, outcome] of wanted.entries()) {
      const fiber = fibers[i]!
      if (i >= runsHere.length) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        expect(error).toBeInstanceOf(Errors.ConflictError)
        // not an answer of the server: nothing was sent
        expect(error).not.toHaveProperty("status")
        continue
      }
      if (outcome === "Hangs") {
        yield* fake.awaitCalls("spawnInstance", before + i + 1)
        // let the others meet it
        if (refuses) { for (const other of fibers.slice(1)) yield* Fiber.await(other) }
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
        continue
      }
      const exit = yield* Fiber.await(fiber)
      expect(Exit.isSuccess(exit)).toBe(moves.includes(outcome))
      const operation = fake.operations[before + i]!
      const from = actor.model.nodes.get(actor.model.tip)!
      expect([operation.request.image, operation.request.disposable]).toEqual([from.image, false])
      if (!moves.includes(outcome)) continue
      const id = next()
      actor.model = {
        ...actor.model,
        tip: id,
        nodes: new Map(actor.model.nodes).set(id, {
          parent: actor.model.tip,
          image: operation.resultImage!,
          tag: undefined,
          command: String(labels[i])
        })
      }
    }
  })

const act = (fake: Fake, actors: Array<Actor>, { step, who }: Play, refuses: boolean, next: () => number) =>
  Effect.gen(function*() {
    const actor = actors[who % actors.length]!
    const { model, session } = actor
    switch (step._tag) {
      case "Run":
        return yield* runTogether(fake, actor, step.outcomes, refuses, next)
      case "Exec": {
        yield* session.exec(Command.exec("true"))
        const { disposable, image } = fake.operations.at(-1)!.request
        return expect([image, disposable]).toEqual([model.nodes.get(model.tip)!.image, true])
      }
      case "Fork":
        actors.push({ session: yield* session.fork, model })
        return
    }
    const expected = after(model, step)
    const moved: Effect.Effect<Session.Node, Errors.ContreeError> = step._tag === "Branch"
      ? session.branch(step.name)
      : step._tag === "Checkout"
      ? session.checkout(step.target)
      : step._tag === "Rollback"
      ? session.rollback(step.steps)
      : session.tag(step.name)
    const exit = yield* Effect.either(moved)
    expect(exit._tag).toBe(expected === undefined ? "Left" : "Right")
    if (exit._tag === "Left") return expect(exit.left).toBeInstanceOf(Errors.InvalidArgumentError)
    actor.model = expected!
    expect(exit.right.id).toBe(nodeId(expected!.tip))
    if (step._tag === "Tag") expect(fake.tags.get(step.name)).toBe(expected!.nodes.get(expected!.tip)!.image)
  })

describe("a session, against a model", () => {
  for (const concurrency of ["queue", "refuse"] as const) {
    it.effect.prop(
      `whatever is done with it and its forks, calls that meet: ${concurrency}`,
      [anyPlay],
      ([plays]) =>
        Effect.gen(function*() {
          const fake = makeFake()
          fake.onSpawn = play
          let count = 0
          const session = yield* Effect.flatMap(imageOf(fake), (image) => image.session({ concurrency }))
          const root: ModelNode = { parent: undefined, image: imageId(1), tag: undefined, command: undefined }
          const actors: Array<Actor> = [
            { session, model: { nodes: new Map([[0, root]]), branches: new Map(), tip: 0 } }
          ]
          for (const one of plays) {
            yield* act(fake, actors, one, concurrency === "refuse", () => ++count)
            // also those that it was not about: no session sees what another does
            for (const actor of actors) yield* compare(actor)
          }
          expect(fake.operations.filter(({ status }) => status === "EXECUTING")).toEqual([])
        }),
      { fastCheck: { numRuns: 60 } }
    )
  }
})

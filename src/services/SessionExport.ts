/**
 * The history of a session as data: as JSON that can be read back, and as a graph to look at, in the languages of
 * Graphviz (DOT) and Mermaid.
 *
 * Commands are in it whole, and so is what was written into them: a secret belongs in `env`, which is not.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Command from "../schemas/Command.js"
import * as Errors from "../schemas/Errors.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import * as Ids from "../schemas/Ids.js"
import * as ApiErrors from "../internal/ApiErrors.js"
import * as Graph from "../internal/GraphText.js"

const CommandFromJson: Schema.Schema<
  Command.Command,
  | { readonly _tag: "Exec"; readonly path: string; readonly args: ReadonlyArray<string> }
  | { readonly _tag: "Shell"; readonly script: string }
> = Schema.transform(
  Schema.Union(
    Schema.Struct({ _tag: Schema.Literal("Exec"), path: Schema.String, args: Schema.Array(Schema.String) }),
    Schema.Struct({ _tag: Schema.Literal("Shell"), script: Schema.String })
  ),
  Schema.declare(Command.isCommand),
  {
    strict: true,
    decode: (plain) => plain._tag === "Exec" ? Command.exec(plain.path, plain.args) : Command.shell(plain.script),
    encode: (command) =>
      command._tag === "Exec"
        ? { _tag: command._tag, path: command.path, args: command.args }
        : { _tag: command._tag, script: command.script }
  }
)

/** absent is none */
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { as: "Option", exact: true })

/**
 * A node without its handle: the id and tag that its image has there. A tag alone names what had it at the time.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SnapshotNode = Schema.Struct({
  id: Ids.NodeId,
  parent: optional(Ids.NodeId),
  image: Schema.Struct({ id: optional(Ids.ImageId), tag: optional(Ids.Tag) }),
  command: optional(CommandFromJson),
  exit: optional(ExitStatus.ExitStatus)
})
/**
 * @since 0.1.0
 * @category models
 */
export type SnapshotNode = typeof SnapshotNode.Type

const Branch = Schema.Struct({ name: Schema.NonEmptyString, node: Ids.NodeId })

/** what is wrong with the tree, if something is */
const problem = ({ branches, nodes, tip }: {
  readonly tip: Ids.NodeId
  readonly branches: ReadonlyArray<typeof Branch.Type>
  readonly nodes: ReadonlyArray<SnapshotNode>
}): string | undefined => {
  const known = new Set<string>()
  for (const { id, parent } of nodes) {
    if (known.has(id)) return `two nodes ${JSON.stringify(id)}`
    if (Option.isSome(parent) && !known.has(parent.value)) {
      return `the parent of ${JSON.stringify(id)} is not among the nodes before it`
    }
    known.add(id)
  }
  const named = [tip, ...branches.map(({ node }) => node)].find((id) => !known.has(id))
  if (named !== undefined) return `there is no node ${JSON.stringify(named)}`
  return new Set(branches.map(({ name }) => name)).size === branches.length ? undefined : "two branches of one name"
}

/**
 * All nodes of a session, parents before children, also those that no branch leads to.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Snapshot = Schema.Struct({
  version: Schema.Literal(1),
  tip: Ids.NodeId,
  branches: Schema.Array(Branch),
  nodes: Schema.NonEmptyArray(SnapshotNode)
}).pipe(Schema.filter(problem))
/**
 * @since 0.1.0
 * @category models
 */
export type Snapshot = typeof Snapshot.Type

const Text = Schema.parseJson(Snapshot)
const encode = Schema.encodeSync(Text)
const decode = Schema.decodeUnknownEither(Text)

/**
 * JSON, in one line; `fromJson` reads it back to an equal snapshot.
 *
 * @example
 * ```ts
 * import * as SessionExport from "effect-contree/SessionExport"
 * import type * as Session from "effect-contree/Session"
 * import * as Effect from "effect/Effect"
 *
 * const saved = (session: Session.Session) => Effect.map(session.snapshot, SessionExport.toJson)
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const toJson = (self: Snapshot): string => encode(self)

/**
 * Reads what `toJson` wrote. A `DecodeError` says what is wrong with the text.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromJson = (text: string): Either.Either<Snapshot, Errors.DecodeError> =>
  Either.mapLeft(decode(text), (error) =>
    new Errors.DecodeError({
      method: "SessionExport.fromJson",
      description: `this is no history of a session: ${ApiErrors.issuesOf(error)}`
    }))

const lines = (node: SnapshotNode): ReadonlyArray<string> => [
  node.id,
  ...Option.match(node.command, { onNone: () => [], onSome: (command) => [`$ ${Graph.commandLine(command)}`] }),
  ...Option.match(node.exit, { onNone: () => [], onSome: (exit) => [ExitStatus.format(exit)] }),
  ...Option.match(node.image.tag, { onNone: () => [], onSome: (tag) => [`tag ${tag}`] }),
  ...Option.match(node.image.id, { onNone: () => [], onSome: (id) => [`image ${id}`] })
]

const graph = (self: Snapshot): Graph.Graph => {
  const numbers = new Map(self.nodes.map(({ id }, index) => [id, index] as const))
  const numberOf = (id: Ids.NodeId): number => numbers.get(id) ?? 0
  return {
    nodes: self.nodes.map((node) => ({ lines: lines(node), isTip: node.id === self.tip })),
    edges: self.nodes.flatMap(({ parent }, index) =>
      Option.match(parent, { onNone: () => [], onSome: (id) => [[numberOf(id), index] as const] })
    ),
    names: self.branches.map(({ name, node }) => ({ name, node: numberOf(node) }))
  }
}

/**
 * For Graphviz: `dot -Tsvg`. The tip has two borders, branches hang on dashed lines, and commands are cut at 60
 * characters. Text of any kind is quoted.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toDot = (self: Snapshot): string => Graph.toDot(graph(self))

/**
 * For Mermaid, which Markdown on many sites draws in a fence: the same graph, the tip with a thick border.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toMermaid = (self: Snapshot): string => Graph.toMermaid(graph(self))

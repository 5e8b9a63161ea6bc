/**
 * A forest as lines of text. Of the children of a node the one with the most descendants follows straight below it, in
 * the same column; the others branch off before it. So a chain, however long, stays in its column, and nothing is
 * further to the right than the logarithm of how many there are.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Node {
  readonly id: string
  /** undefined for a root; one that is not among the nodes makes a root too */
  readonly parent: string | undefined
}

/**
 * What stands before a node's own text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Line<A> {
  readonly prefix: string
  readonly node: A
}

interface Forest<A> {
  readonly roots: ReadonlyArray<A>
  /** the heir last */
  readonly children: ReadonlyMap<string, ReadonlyArray<A>>
}

/** Each before its children; a node that cannot be reached from a root is in no tree. */
const fromRoots = <A extends Node>(
  roots: ReadonlyArray<A>,
  children: ReadonlyMap<string, ReadonlyArray<A>>
): ReadonlyArray<A> => {
  const order = [...roots]
  // it grows while it is walked
  for (const node of order) order.push(...children.get(node.id) ?? [])
  return order
}

const forestOf = <A extends Node>(nodes: ReadonlyArray<A>): Forest<A> => {
  const known = new Set(nodes.map(({ id }) => id))
  const children = new Map<string, Array<A>>()
  const roots: Array<A> = []
  for (const node of nodes) {
    if (node.parent === undefined || !known.has(node.parent)) {
      roots.push(node)
      continue
    }
    const siblings = children.get(node.parent)
    if (siblings === undefined) children.set(node.parent, [node])
    else siblings.push(node)
  }
  const sizes = new Map<string, number>()
  const size = (id: string): number => sizes.get(id) ?? 1
  // without recursion: a chain may be longer than the stack
  for (const { id } of [...fromRoots(roots, children)].reverse()) {
    const own = children.get(id) ?? []
    sizes.set(id, own.reduce((sum, child) => sum + size(child.id), 1))
    if (own.length < 2) continue
    const heir = own.reduce((found, child) => size(child.id) >= size(found.id) ? child : found)
    children.set(id, [...own.filter((child) => child !== heir), heir])
  }
  return { roots, children }
}

function* chain<A extends Node>(
  first: A,
  children: ReadonlyMap<string, ReadonlyArray<A>>,
  before: { readonly first: string; readonly rest: string }
): Generator<Line<A>> {
  let prefix = before.first
  for (let node: A | undefined = first; node !== undefined;) {
    yield { prefix: `${prefix}● `, node }
    prefix = before.rest
    const own: ReadonlyArray<A> = children.get(node.id) ?? []
    for (const child of own.slice(0, -1)) {
      yield* chain(child, children, { first: `${prefix}├─`, rest: `${prefix}│ ` })
    }
    node = own.at(-1)
  }
}

/**
 * Each tree's lines, in the order of the roots; siblings in the order of the nodes, but for the heir.
 *
 * @since 0.1.0
 * @category rendering
 */
export const draw = <A extends Node>(nodes: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<Line<A>>> => {
  const { children, roots } = forestOf(nodes)
  return roots.map((root) => [...chain(root, children, { first: "", rest: "" })])
}

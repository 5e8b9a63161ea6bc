/**
 * Ids of the double: counted, so that a test gives the same ones each time it runs.
 *
 * @since 0.1.0
 */
import * as Ids from "../../schemas/Ids.js"

const kinds = { operation: "0", image: "1", file: "2" } as const

const uuid = (kind: keyof typeof kinds, n: number): string =>
  `00000000-0000-4000-8000-${kinds[kind]}${n.toString(16).padStart(11, "0")}`

/** @internal */
export interface Serial {
  readonly operation: () => Ids.OperationId
  readonly image: () => Ids.ImageId
  readonly file: () => Ids.FileId
}

/** @internal */
export const make = (): Serial => {
  const counts = { operation: 0, image: 0, file: 0 }
  const next = (kind: keyof typeof kinds): string => uuid(kind, ++counts[kind])
  return {
    operation: () => Ids.OperationId.make(next("operation")),
    image: () => Ids.ImageId.make(next("image")),
    file: () => Ids.FileId.make(next("file"))
  }
}

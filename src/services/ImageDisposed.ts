/**
 * The image of a disposable run: a value that says so whatever is asked of it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"
import * as Stream from "effect/Stream"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type { DisposedImage } from "./Image.js"
import { TypeId } from "./Image.js"

/**
 * What every handle is.
 *
 * @internal
 */
export abstract class Base extends Inspectable.Class {
  readonly [TypeId]: TypeId = TypeId
  pipe(): unknown {
    return pipeArguments(this, arguments)
  }
}

class DisposedImpl extends Base implements DisposedImage {
  // `Option.none()` is typed as the union: this is its one member that can be here
  readonly id = Option.none<Ids.ImageId>() as Option.None<Ids.ImageId>
  readonly tag = Option.none<Ids.Tag>()
  readonly state = Effect.succeed("Disposed" as const)

  readonly run = () => over("Image.run")
  readonly stream = () => Stream.fromEffect(over("Image.stream"))
  readonly start = () => over("Image.start")
  readonly popen = () => over("Image.popen")
  readonly session = () => over("Image.session")
  readonly scratch = over("Image.scratch")
  readonly scratchWith = () => over("Image.scratchWith")
  readonly inspect = over("Image.inspect")
  readonly ls = () => over("Image.ls")
  readonly exists = () => over("Image.exists")
  readonly read = () => over("Image.read")
  readonly readText = () => over("Image.readText")
  readonly readStream = () => Stream.fromEffect(over("Image.readStream"))
  readonly archive = () => Stream.fromEffect(over("Image.archive"))
  readonly grep = () => over("Image.grep")
  readonly download = () => over("Image.download")
  readonly downloadDirectory = () => over("Image.downloadDirectory")
  readonly tagAs = () => over("Image.tagAs")
  readonly untag = () => over("Image.untag")
  readonly applyFiles = () => over("Image.applyFiles")

  toJSON(): unknown {
    return { _id: "Image", state: "Disposed" }
  }
}

const over = (method: string): Effect.Effect<never, Errors.DisposableImageRunError> =>
  Effect.suspend(() =>
    new Errors.DisposableImageRunError({
      method,
      description:
        "it is the image of a disposable run, which was thrown away: run with { disposable: false } to keep it"
    })
  )

/**
 * The image of a disposable run.
 *
 * @internal
 */
export const disposed: DisposedImage = new DisposedImpl()

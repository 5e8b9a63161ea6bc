/**
 * Files to put into a sandbox before its command starts: plain data that says what, not how it is sent. A bare string is
 * content, never a path: `File.path` names a local file.
 *
 * @since 0.1.0
 */
import type * as PlatformError from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Predicate from "effect/Predicate"
import type * as Stream from "effect/Stream"
import type * as Types from "effect/Types"
import { lastPart } from "../internal/LocalFile.js"
import type { Uploaded } from "../schemas/Uploaded.js"

/**
 * Owner (default 0:0, that is root) and permission bits (default `0o644`; `0o755` for a local file that is executable).
 *
 * @since 0.1.0
 * @category models
 */
export interface Attributes {
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly mode?: number | undefined
}

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-contree/File")
/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * Own enumerable fields only, so that `{ ...File.text("x"), mode: 0o755 }` is a file too.
 *
 * @since 0.1.0
 * @category models
 */
export interface File<out E = never, out R = never> extends Attributes {
  readonly [TypeId]: { readonly _E: Types.Covariant<E>; readonly _R: Types.Covariant<R> }
  readonly _tag: "Text" | "Bytes" | "Path" | "Stream" | "Uploaded"
}

/**
 * A file with a base name: the only kind that a list of files takes, where it goes to `/name`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Named<out E = never, out R = never> extends File<E, R> {
  readonly name: string
}

/**
 * Any file, whatever it fails with or needs.
 *
 * @since 0.1.0
 * @category models
 */
// `unknown` would not do as a bound: inference of E and R from a union of files needs the bivariance of `any`
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Any = File<any, any>

/**
 * What a destination can be given: text (as UTF-8), bytes, or a file.
 *
 * @since 0.1.0
 * @category models
 */
export type Content = string | Uint8Array | Any

/**
 * Absolute destination to content, or a list of files with names.
 *
 * @since 0.1.0
 * @category models
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- see Any
export type Files<F extends Content> = { readonly [destination: string]: F } | ReadonlyArray<F & Named<any, any>>

/**
 * What reading `F` can fail with.
 *
 * @since 0.1.0
 * @category type-level
 */
export type Error<F> = F extends File<infer E, infer _R> ? E : never

/**
 * What reading `F` needs.
 *
 * @since 0.1.0
 * @category type-level
 */
export type Context<F> = F extends File<infer _E, infer R> ? R : never

/**
 * What the constructors make, and `File` does not show.
 *
 * @internal
 */
export type Variant<E, R> =
  & File<E, R>
  & (
    | { readonly _tag: "Text"; readonly content: string }
    | { readonly _tag: "Bytes"; readonly content: Uint8Array }
    | { readonly _tag: "Path"; readonly local: string }
    | { readonly _tag: "Stream"; readonly content: Stream.Stream<Uint8Array, E, R> }
    | { readonly _tag: "Uploaded"; readonly file: Uploaded }
  )

const variance = { _E: (_: never) => _, _R: (_: never) => _ }

/**
 * Attributes that are not given leave no field behind: a spread over them must not see `mode: undefined`.
 *
 * @internal
 */
export const own = ({ gid, mode, uid }: Attributes = {}): Attributes => ({
  ...(uid === undefined ? {} : { uid }),
  ...(gid === undefined ? {} : { gid }),
  ...(mode === undefined ? {} : { mode })
})

/**
 * Text, written as UTF-8.
 *
 * @example
 * ```ts
 * import * as File from "effect-contree/File"
 *
 * const files = { "/app/run.sh": File.text("#!/bin/sh\necho hello\n", { mode: 0o755 }) }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const text = (content: string, attributes?: Attributes): File => {
  const self: Variant<never, never> = { [TypeId]: variance, _tag: "Text", content, ...own(attributes) }
  return self
}

/**
 * Bytes. They are not copied: leave them alone until they were sent.
 *
 * @example
 * ```ts
 * import * as File from "effect-contree/File"
 *
 * const files = { "/data": File.bytes(Uint8Array.of(0, 255)) }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const bytes = (content: Uint8Array, attributes?: Attributes): File => {
  const self: Variant<never, never> = { [TypeId]: variance, _tag: "Bytes", content, ...own(attributes) }
  return self
}

/**
 * A local file, read when it is used; its name is the last part of the path. Without a `mode`, one that is executable
 * for anybody here is `0o755` there.
 *
 * Fails with the `PlatformError` of the file system, also when the path is a folder.
 *
 * @example
 * ```ts
 * import * as File from "effect-contree/File"
 *
 * const files = [File.path("./scripts/build.sh"), File.path("./input.csv", { mode: 0o600 })]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const path = (
  local: string,
  attributes?: Attributes
): Named<PlatformError.PlatformError, FileSystem.FileSystem> => {
  const self: Variant<never, never> & { readonly name: string } = {
    [TypeId]: variance,
    _tag: "Path",
    local,
    name: baseName(local),
    ...own(attributes)
  }
  return self
}

/**
 * A stream of bytes, read once a use. Its errors and requirements become those of whatever uses the file.
 *
 * @example
 * ```ts
 * import * as File from "effect-contree/File"
 * import * as Stream from "effect/Stream"
 *
 * const files = { "/numbers": File.stream(Stream.range(1, 1000).pipe(Stream.map(String), Stream.encodeText)) }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const stream = <E, R>(content: Stream.Stream<Uint8Array, E, R>, attributes?: Attributes): File<E, R> => {
  const self: Variant<E, R> = { [TypeId]: variance, _tag: "Stream", content, ...own(attributes) }
  return self
}

/**
 * A file that the service already has: nothing is sent again.
 *
 * @example
 * ```ts
 * import * as File from "effect-contree/File"
 * import * as Files from "effect-contree/Files"
 *  *
 * const files = Effect.gen(function* () {
 *   const service = yield* Files.Files
 *   const model = yield* service.upload(File.bytes(new Uint8Array(1024)))
 *   return { "/model.bin": File.uploaded(model, { mode: 0o600 }) }
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const uploaded = (file: Uploaded, attributes?: Attributes): File => {
  const self: Variant<never, never> = { [TypeId]: variance, _tag: "Uploaded", file, ...own(attributes) }
  return self
}

/**
 * The same file with a base name, for the list form.
 *
 * @example
 * ```ts
 * import * as File from "effect-contree/File"
 *
 * const files = [File.named(File.text("hello"), "greeting.txt")]
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const named = <E, R>(self: File<E, R>, name: string): Named<E, R> => ({ ...self, name })

/**
 * @since 0.1.0
 * @category guards
 */
export const isFile = (u: unknown): u is Any => Predicate.hasProperty(u, TypeId)

const baseName = (local: string): string => {
  const trimmed = local.replace(/\/+$/, "")
  return trimmed.slice(lastPart(trimmed))
}

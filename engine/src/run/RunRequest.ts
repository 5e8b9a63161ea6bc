/**
 * A spawn request with everything decided: defaults filled in, ranges checked, bytes decoded. What needs the store or
 * the machine comes after. Protocol: sections 3.3 and 3.4.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as StreamRepr from "effect-contree/StreamRepr"
import type * as Wire from "effect-contree/Wire"
import { badRequest } from "./Refusal.js"
import type { Refusal } from "./Refusal.js"

/**
 * The bounds of the wire, and what holds when a request is silent.
 *
 * @since 0.1.0
 * @category defaults
 */
export const limits = {
  defaultTimeoutSeconds: 60,
  maxTimeoutSeconds: 3600,
  defaultTruncateAt: 1_048_576,
  maxTruncateAt: 10_485_760,
  maxLayerBytes: 12_884_901_888,
  hostname: "linuxkit",
  /** Longer input is not repeated in answers. */
  maxStdinEcho: 65_536
} as const

/**
 * Which image: by id, or by the tag that it has now.
 *
 * @since 0.1.0
 * @category models
 */
export type ImageReference =
  | { readonly _tag: "Id"; readonly id: string }
  | { readonly _tag: "Tag"; readonly tag: string }

/**
 * @since 0.1.0
 * @category models
 */
export interface RequestedFile {
  readonly destination: string
  /** The uploaded file's id. */
  readonly id: string
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface RunRequest {
  readonly image: ImageReference
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly shell: boolean
  readonly env: Readonly<Record<string, string | null>>
  readonly preserveEnv: boolean
  /** Absolute, or empty for the image's own. */
  readonly cwd: string
  readonly uid: number
  readonly gid: number
  readonly hostname: string
  readonly disposable: boolean
  readonly stdin: Uint8Array | "open"
  /** What `stdin` brought with it when it stays open. */
  readonly firstInput: Uint8Array
  readonly timeoutSeconds: number
  /** Bytes of each output stream that are kept. */
  readonly truncateAt: number
  readonly maxLayerBytes: number
  readonly network: "host" | "none"
  readonly files: ReadonlyArray<RequestedFile>
  /** The request as answers repeat it. */
  readonly echo: Readonly<Record<string, unknown>>
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const tag = /^[A-Za-z0-9_./:-]{1,256}$/

const imageOf = (image: string): Effect.Effect<ImageReference, Refusal> => {
  if (uuid.test(image)) return Effect.succeed({ _tag: "Id", id: image.toLowerCase() })
  const name = image.startsWith("tag:") ? image.slice(4) : undefined
  if (name !== undefined && tag.test(name)) return Effect.succeed({ _tag: "Tag", tag: name })
  return Effect.fail(badRequest(
    name === undefined && tag.test(image)
      ? `image must be an image id, or a tag written tag:NAME (tag:${image}?)`
      : "image must be an image id, or tag:NAME with 1 to 256 of A-Z a-z 0-9 _ - . : /"
  ))
}

const within = (
  name: string,
  value: number | null | undefined,
  fallback: number,
  min: number,
  max: number
): Effect.Effect<number, Refusal> => {
  const number = value ?? fallback
  return number >= min && number <= max
    ? Effect.succeed(number)
    : Effect.fail(badRequest(`${name} must be between ${min} and ${max}`))
}

const noInput = new Uint8Array(0)

/** Input that is complete, or open with what it brought. */
export const stdinOf = (
  stdin: Wire.InstanceSpawnRequest["stdin"]
): Effect.Effect<Pick<RunRequest, "stdin" | "firstInput">, Refusal> => {
  if (stdin === null || stdin === undefined) return Effect.succeed({ stdin: noInput, firstInput: noInput })
  const bytes = StreamRepr.toBytes(stdin)
  if (bytes === undefined) return Effect.fail(badRequest("stdin.value is not valid base64"))
  return Effect.succeed({ stdin: stdin.close === false ? "open" : bytes, firstInput: bytes })
}

/** How much of each output stream is kept. */
export const truncateAtOf = (value: number | null | undefined): Effect.Effect<number, Refusal> =>
  within("truncate_output_at", value, limits.defaultTruncateAt, 0, limits.maxTruncateAt)

const filesOf = (files: Wire.InstanceSpawnRequest["files"]): Effect.Effect<ReadonlyArray<RequestedFile>, Refusal> => {
  const seen = new Set<string>()
  const found: Array<RequestedFile> = []
  for (const [destination, spec] of Object.entries(files ?? {})) {
    if (!destination.startsWith("/") || destination.endsWith("/")) {
      return Effect.fail(badRequest(`files: ${JSON.stringify(destination)} is not the absolute path of a file`))
    }
    const normal = destination.replace(/\/{2,}/g, "/")
    if (seen.has(normal)) return Effect.fail(badRequest(`files: ${JSON.stringify(normal)} is given twice`))
    seen.add(normal)
    found.push({
      destination: normal,
      id: spec.uuid.toLowerCase(),
      uid: spec.uid ?? 0,
      gid: spec.gid ?? 0,
      mode: spec.mode ?? 0o644
    })
  }
  return Effect.succeed(found)
}

const octal = (mode: number): string => mode.toString(8).padStart(4, "0")

const echoOf = (request: Omit<RunRequest, "echo">, image: string): Record<string, unknown> => ({
  command: request.command,
  image,
  args: request.args,
  shell: request.shell,
  env: request.env,
  preserve_env: request.preserveEnv,
  cwd: request.cwd,
  uid: request.uid,
  gid: request.gid,
  hostname: request.hostname,
  disposable: request.disposable,
  // left out when it is long: null would say that there was none
  ...(request.firstInput.length > limits.maxStdinEcho
    ? {}
    : { stdin: { ...StreamRepr.fromBytes(request.firstInput), close: request.stdin !== "open" } }),
  timeout: request.timeoutSeconds,
  truncate_output_at: request.truncateAt,
  resources_limits: { max_layer_bytes: request.maxLayerBytes },
  networking: { enabled: request.network === "host" },
  files: Object.fromEntries(
    request.files.map(({ destination, gid, id, mode, uid }) => [destination, { uuid: id, uid, gid, mode: octal(mode) }])
  )
})

/**
 * Fails with 400 and says which field, and what it may be. `network` holds when the request is silent about it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  wire: Wire.InstanceSpawnRequest,
  defaults: { readonly network: "host" | "none" }
): Effect.Effect<RunRequest, Refusal> =>
  Effect.gen(function*() {
    const enabled = wire.networking?.enabled
    const request = {
      image: yield* imageOf(wire.image),
      command: wire.command,
      args: wire.args ?? [],
      shell: wire.shell ?? false,
      env: wire.env ?? {},
      preserveEnv: wire.preserve_env ?? false,
      cwd: wire.cwd ?? "",
      uid: wire.uid ?? 0,
      gid: wire.gid ?? 0,
      hostname: wire.hostname ?? limits.hostname,
      disposable: wire.disposable ?? false,
      ...(yield* stdinOf(wire.stdin)),
      timeoutSeconds: yield* within(
        "timeout",
        wire.timeout,
        limits.defaultTimeoutSeconds,
        1,
        limits.maxTimeoutSeconds
      ),
      truncateAt: yield* truncateAtOf(wire.truncate_output_at),
      maxLayerBytes: yield* within(
        "resources_limits.max_layer_bytes",
        wire.resources_limits?.max_layer_bytes,
        limits.maxLayerBytes,
        1,
        limits.maxLayerBytes
      ),
      network: enabled === true ? "host" as const : enabled === false ? "none" as const : defaults.network,
      files: yield* filesOf(wire.files)
    }
    return { ...request, echo: echoOf(request, wire.image) }
  })

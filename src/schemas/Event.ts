/**
 * What happens to an operation, in order: the events of its log. Types and payloads that this version does not know are
 * kept raw and never fail. Protocol: section 4.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { ImageId } from "./Ids.js"
import { StreamRepr } from "./StreamRepr.js"
import { Timestamp } from "./Timestamp.js"
import { triState } from "./TriState.js"
import { OperationStatus } from "./wire/Operations.js"

/**
 * The envelope every event comes in. `spid`: 0 the sandbox, 1 the main command, 2 and up its subprocesses.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OperationEvent = Schema.Struct({
  id: Schema.NonNegativeInt,
  ts: Timestamp,
  type: Schema.String,
  data: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  spid: triState(Schema.NonNegativeInt)
})
/**
 * @since 0.1.0
 * @category models
 */
export type OperationEvent = typeof OperationEvent.Type

/**
 * Use of resources by one process: times in microseconds, sizes in KiB.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ExitResources = Schema.Struct({
  user_time_us: Schema.Int,
  sys_time_us: Schema.Int,
  max_rss_kb: Schema.Int,
  shared_memory: Schema.Int,
  unshared_memory: Schema.Int,
  swaps: Schema.Int,
  minor_faults: Schema.Int,
  major_faults: Schema.Int,
  voluntary_ctx_switches: Schema.Int,
  involuntary_ctx_switches: Schema.Int,
  block_input_ops: Schema.Int,
  block_output_ops: Schema.Int,
  ipc_msgs_sent: Schema.Int,
  ipc_msgs_received: Schema.Int,
  signals_received: Schema.Int
})

const Interface = Schema.Struct({
  name: Schema.String,
  rx_bytes: Schema.JsonNumber,
  rx_packets: Schema.JsonNumber,
  rx_errs: Schema.JsonNumber,
  rx_drop: Schema.JsonNumber,
  tx_bytes: Schema.JsonNumber,
  tx_packets: Schema.JsonNumber,
  tx_errs: Schema.JsonNumber,
  tx_drop: Schema.JsonNumber
})

/**
 * The payload of each known type.
 *
 * @since 0.1.0
 * @category schemas
 */
export const payloads = {
  init: Schema.Struct({
    started_at: Timestamp,
    runtime_path: Schema.String,
    verbose: Schema.Boolean,
    init_pid: Schema.Int,
    hostname: triState(Schema.String),
    kernel: triState(Schema.String),
    machine: triState(Schema.String),
    boot_id: triState(Schema.String)
  }),
  spawn: Schema.Struct({
    pid: Schema.Int,
    command: Schema.String,
    args: Schema.Array(Schema.String),
    shell: Schema.Boolean,
    cwd: Schema.String,
    uid: Schema.Int,
    gid: Schema.Int,
    timeout: Schema.Int,
    truncate_at: Schema.Int,
    env: triState(Schema.Record({ key: Schema.String, value: Schema.String }))
  }),
  stdin: StreamRepr,
  stdout: StreamRepr,
  stderr: StreamRepr,
  exit: Schema.Struct({
    pid: Schema.Int,
    code: Schema.Int,
    signal: Schema.Int,
    timed_out: Schema.Boolean,
    duration_ms: Schema.JsonNumber,
    resources: ExitResources,
    core_dump: triState(Schema.Boolean)
  }),
  truncated: Schema.Struct({
    stream: Schema.Literal("stdout", "stderr"),
    bytes_emitted: Schema.Int,
    bytes_dropped: Schema.Int
  }),
  size_cap: Schema.Struct({ limit_bytes: Schema.JsonNumber, file_size: Schema.JsonNumber }),
  network: Schema.Struct({
    interfaces: Schema.Array(Interface),
    configured: triState(Schema.Struct({
      ip4: triState(Schema.String),
      ip4_gw: triState(Schema.String),
      ip6: triState(Schema.String),
      ip6_gw: triState(Schema.String),
      gw_mac: triState(Schema.String),
      nameserver: triState(Schema.String)
    })),
    error: triState(Schema.String)
  }),
  shutdown: Schema.Struct({ stopped_at: Timestamp, reason: Schema.String }),
  completion: Schema.Struct({
    status: OperationStatus,
    // promised always, but a run must not miss its end for want of it
    duration_ms: triState(Schema.JsonNumber),
    result_image_uuid: triState(ImageId),
    error: triState(Schema.String),
    image_size_bytes: triState(Schema.JsonNumber)
  })
} as const

/**
 * The types this version knows.
 *
 * @since 0.1.0
 * @category models
 */
export type Type = keyof typeof payloads

/**
 * The payload of type `T`, decoded.
 *
 * @since 0.1.0
 * @category models
 */
export type Payload<T extends Type> = (typeof payloads)[T]["Type"]

/**
 * An event of a known type with its payload, or any other (`Unknown`) with what came.
 *
 * @since 0.1.0
 * @category models
 */
export type Event =
  | { [T in Type]: { readonly _tag: T; readonly data: Payload<T>; readonly envelope: OperationEvent } }[Type]
  | { readonly _tag: "Unknown"; readonly data: OperationEvent["data"]; readonly envelope: OperationEvent }

const isType = (type: string): type is Type => Object.hasOwn(payloads, type)

const decoders = Object.fromEntries(
  Object.entries(payloads).map(([type, schema]) => [type, Schema.decodeUnknownEither(schema as Schema.Schema<unknown>)])
)

/**
 * Reads the payload of an envelope by its type. A known type whose payload has another shape is `Unknown` too.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromEnvelope = (envelope: OperationEvent): Event => {
  if (isType(envelope.type)) {
    const decoded = decoders[envelope.type]!(envelope.data)
    if (Either.isRight(decoded)) return { _tag: envelope.type, data: decoded.right, envelope } as Event
  }
  return { _tag: "Unknown", data: envelope.data, envelope }
}

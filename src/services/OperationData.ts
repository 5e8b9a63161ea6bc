/**
 * What the service tells of an operation, as values. Public as types of `Operations`.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { resultOf } from "../internal/FollowSynthesis.js"
import * as ExitStatus from "../schemas/ExitStatus.js"
import type * as Ids from "../schemas/Ids.js"
import * as StreamRepr from "../schemas/StreamRepr.js"
import * as Timestamp from "../schemas/Timestamp.js"
import type * as Wire from "../schemas/Wire.js"
import * as Output from "./Output.js"
import * as RunResources from "./RunResources.js"
import type { Resources } from "./RunResult.js"

/**
 * `Unknown`: a word this version does not know; such an operation is taken to go on.
 *
 * @since 0.1.0
 * @category models
 */
export type Status = "Pending" | "Assigned" | "Executing" | "Success" | "Failed" | "Cancelled" | "Unknown"

/**
 * @since 0.1.0
 * @category models
 */
export interface Operation {
  readonly id: Ids.OperationId
  readonly kind: "instance" | "image_import" | (string & {})
  readonly status: Status
  /** why it failed, in the server's words */
  readonly error: Option.Option<string>
  readonly createdAt: Option.Option<DateTime.Utc>
  readonly duration: Option.Option<Duration.Duration>
  /** what it wrote into its image, in bytes */
  readonly imageSize: Option.Option<number>
  readonly consumedCpu: Option.Option<Duration.Duration>
  /** the most memory it had at once, in the unit of the guest that reports it: KiB on the engine */
  readonly consumedMemory: Option.Option<number>
  /** what it ran in; none for imports */
  readonly image: Option.Option<Ids.ImageId>
  /** what it left; none for disposable runs, and for what has not succeeded */
  readonly resultImage: Option.Option<Ids.ImageId>
}

/**
 * How far a run has come, or how it ended: `Unknown` is an exit that has not come yet, or that nobody reported. The
 * output is none where the server has not said anything of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunState {
  readonly exit: ExitStatus.ExitStatus
  /** in the sandbox */
  readonly pid: Option.Option<number>
  readonly coreDump: boolean
  readonly stopped: boolean
  readonly continued: boolean
  readonly stdout: Option.Option<Output.Captured>
  readonly stderr: Option.Option<Output.Captured>
  readonly resources: Option.Option<Resources>
  /** in the server's own unit */
  readonly cost: Option.Option<number>
}

/**
 * One operation whole.
 *
 * @since 0.1.0
 * @category models
 */
export interface OperationDetails extends Operation {
  /** the tag that its image was given */
  readonly resultTag: Option.Option<string>
  /** of a run that has ended; of one that goes on with `inflight` */
  readonly run: Option.Option<RunState>
  /**
   * The request, in the words of the protocol. Redacted, for the server shows the values of a run's variables in it as
   * they are; the password of an import it masks.
   */
  readonly request: Redacted.Redacted<unknown>
}

/**
 * @internal
 */
export const statuses: Readonly<Record<Exclude<Status, "Unknown">, Wire.OperationStatus>> = {
  Pending: "PENDING",
  Assigned: "ASSIGNED",
  Executing: "EXECUTING",
  Success: "SUCCESS",
  Failed: "FAILED",
  Cancelled: "CANCELLED"
}

const names = new Map<string, Status>(
  Object.entries(statuses).map(([name, wire]) => [wire, name as Status] as const)
)

/**
 * @internal
 */
export const toStatus = (wire: string | null | undefined): Status => names.get(wire ?? "") ?? "Unknown"

/**
 * @internal
 */
export const toOperation = (wire: Wire.OperationSummary): Operation => ({
  id: wire.uuid,
  kind: wire.kind ?? "unknown",
  status: toStatus(wire.status),
  error: Option.fromNullable(wire.error),
  createdAt: Option.map(Option.fromNullable(wire.created_at), Timestamp.toDateTime),
  duration: Option.map(Option.fromNullable(wire.duration), Duration.seconds),
  imageSize: RunResources.count(wire.image_size),
  consumedCpu: RunResources.seconds(wire.consumed_cpu),
  consumedMemory: RunResources.count(wire.consumed_memory),
  image: Option.fromNullable(wire.image_uuid),
  resultImage: Option.fromNullable(wire.result_image_uuid)
})

const captured = (repr: Wire.InstanceResult["stdout"]): Option.Option<Output.Captured> => {
  const bytes = repr === undefined || repr === null ? undefined : StreamRepr.toBytes(repr)
  return bytes === undefined ? Option.none() : Option.some(Output.makeCaptured([bytes], repr?.truncated === true))
}

const toRun = (result: Wire.InstanceResult): RunState => ({
  exit: ExitStatus.fromWire({
    code: result.state?.exit_code,
    signal: result.state?.signal,
    timedOut: result.state?.timed_out
  }),
  pid: RunResources.count(result.state?.pid),
  coreDump: result.state?.core_dump === true,
  stopped: result.state?.stopped === true,
  continued: result.state?.continued === true,
  stdout: captured(result.stdout),
  stderr: captured(result.stderr),
  resources: RunResources.make(result),
  cost: RunResources.count(result.resources?.cost)
})

/** what was asked for: an echo, beside which a run's metadata have its result */
const requestOf = ({ metadata }: Wire.Operation): unknown => {
  if (typeof metadata !== "object" || metadata === null) return metadata
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== "result"))
}

/**
 * @internal
 */
export const toDetails = (wire: Wire.Operation): OperationDetails => ({
  ...toOperation({ ...wire, result_image_uuid: wire.result_image_uuid ?? wire.result?.image ?? null }),
  resultTag: Option.fromNullable(wire.result?.tag),
  run: Option.map(Option.fromNullable(resultOf(wire)), toRun),
  request: Redacted.make(requestOf(wire))
})

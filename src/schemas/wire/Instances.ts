/**
 * Runs: what is asked for, and what came of it. Protocol: sections 2.3 and 3.4 to 3.7.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { OperationId, Spid } from "../Ids.js"
import { ClosableStreamRepr, StreamRepr } from "../StreamRepr.js"
import { open, triState } from "../TriState.js"
import { FileSpec } from "./Files.js"

const runFields = {
  args: triState(Schema.Array(Schema.String)),
  shell: triState(Schema.Boolean),
  env: triState(Schema.Record({ key: Schema.String, value: Schema.NullOr(Schema.String) })),
  cwd: triState(Schema.String),
  uid: triState(Schema.NonNegativeInt),
  gid: triState(Schema.NonNegativeInt),
  stdin: triState(ClosableStreamRepr),
  truncate_output_at: triState(Schema.Int)
}

const instanceFields = {
  ...runFields,
  preserve_env: triState(Schema.Boolean),
  hostname: triState(Schema.String),
  disposable: triState(Schema.Boolean),
  timeout: triState(Schema.Int),
  resources_limits: triState(Schema.Struct({ max_layer_bytes: triState(Schema.Int) })),
  networking: triState(Schema.Struct({ enabled: triState(Schema.Boolean) })),
  files: triState(Schema.Record({ key: Schema.String, value: FileSpec }))
}

/**
 * The request that starts a run. `image` is an image id, or `tag:NAME`.
 *
 * @since 0.1.0
 * @category instances
 */
export const InstanceSpawnRequest = Schema.Struct({
  command: Schema.String,
  image: Schema.String,
  ...instanceFields
})
/**
 * @since 0.1.0
 * @category instances
 */
export type InstanceSpawnRequest = typeof InstanceSpawnRequest.Type

/**
 * The request that starts a second process in a running sandbox.
 *
 * @since 0.1.0
 * @category instances
 */
export const ExecSpec = Schema.Struct({ command: Schema.String, ...runFields })
/**
 * @since 0.1.0
 * @category instances
 */
export type ExecSpec = typeof ExecSpec.Type

/**
 * @since 0.1.0
 * @category instances
 */
export const SubprocessCreated = Schema.Struct({ spid: Spid })

/**
 * @since 0.1.0
 * @category instances
 */
export const ProcessState = Schema.Struct({
  exit_code: triState(Schema.Int),
  signal: triState(Schema.Int),
  pid: triState(Schema.Int),
  timed_out: triState(Schema.Boolean),
  core_dump: triState(Schema.Boolean),
  stopped: triState(Schema.Boolean),
  continued: triState(Schema.Boolean)
})

/**
 * What a run used: seconds for the times, KiB for `max_rss`, -1 for what is not known.
 *
 * @since 0.1.0
 * @category instances
 */
export const Resources = Schema.Struct({
  block_input: triState(Schema.JsonNumber),
  block_output: triState(Schema.JsonNumber),
  involuntary_switches: triState(Schema.JsonNumber),
  voluntary_switches: triState(Schema.JsonNumber),
  max_rss: triState(Schema.JsonNumber),
  page_faults: triState(Schema.JsonNumber),
  page_faults_io: triState(Schema.JsonNumber),
  shared_memory: triState(Schema.JsonNumber),
  unshared_memory: triState(Schema.JsonNumber),
  signals: triState(Schema.JsonNumber),
  swaps: triState(Schema.JsonNumber),
  elapsed_time: triState(Schema.JsonNumber),
  monotonic_time: triState(Schema.JsonNumber),
  user_cpu_time: triState(Schema.JsonNumber),
  system_cpu_time: triState(Schema.JsonNumber),
  cost: triState(Schema.JsonNumber)
})

/**
 * @since 0.1.0
 * @category instances
 */
export const InstanceResult = Schema.Struct({
  resources: triState(Resources),
  state: triState(ProcessState),
  stdout: triState(StreamRepr),
  stderr: triState(StreamRepr)
})
/**
 * @since 0.1.0
 * @category instances
 */
export type InstanceResult = typeof InstanceResult.Type

/**
 * @since 0.1.0
 * @category instances
 */
export const InstanceMetadata = Schema.Struct({
  command: triState(Schema.String),
  image: triState(Schema.String),
  ...instanceFields,
  // the echo of a request that a later client may have sent
  stdin: triState(Schema.Struct({ ...ClosableStreamRepr.fields, encoding: triState(open("ascii", "base64")) })),
  result: triState(InstanceResult)
})

/**
 * The answer to a spawn: the operation's id and an echo of the request, of which only the id matters.
 *
 * @since 0.1.0
 * @category instances
 */
export const OperationCreated = Schema.Struct({ uuid: OperationId })

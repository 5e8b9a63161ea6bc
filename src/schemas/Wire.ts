/**
 * What travels: every model of the HTTP API. A property that may be absent and may be null keeps the two apart; unknown
 * properties are ignored; unknown words in a closed list are kept as they are. Protocol: section 3.
 *
 * @since 0.1.0
 */
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { FileId, ImageId, OperationId, Sha256, Spid } from "./Ids.js"
import { ClosableStreamRepr, StreamRepr } from "./StreamRepr.js"
import { Timestamp } from "./Timestamp.js"

/** absent, null and a value are three things */
const triState = <A, I, R>(schema: Schema.Schema<A, I, R>) =>
  Schema.optionalWith(Schema.NullOr(schema), { exact: true })

/** a closed list today, perhaps a longer one tomorrow: completion in the editor, no failure at run time */
const open = <const L extends ReadonlyArray<string>>(..._known: L): Schema.Schema<L[number] | (string & {}), string> =>
  Schema.String as Schema.Schema<L[number] | (string & {}), string>

// ---------------------------------------------------------------------------------------------------------- basics

/**
 * Permission bits as octal text: written `0644`; read also from `644`, `0o644` and a bare number.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Mode: Schema.Schema<number, string | number> = Schema.transformOrFail(
  Schema.Union(Schema.String, Schema.Number),
  Schema.Int.pipe(Schema.between(0, 0o7777)),
  {
    strict: true,
    decode: (input, _, ast) => {
      if (typeof input === "number") return ParseResult.succeed(input)
      const match = /^(?:0o)?([0-7]{1,5})$/.exec(input)
      return match === null
        ? ParseResult.fail(new ParseResult.Type(ast, input, "expected octal digits such as 0644"))
        : ParseResult.succeed(Number.parseInt(match[1]!, 8))
    },
    encode: (mode) => ParseResult.succeed(mode.toString(8).padStart(4, "0"))
  }
)

/**
 * The body of every failure.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ErrorBody = Schema.Struct({
  error: Schema.Unknown,
  status: triState(Schema.Int),
  traceback: triState(Schema.Array(Schema.String))
})

// ---------------------------------------------------------------------------------------------------------- images

/**
 * @since 0.1.0
 * @category images
 */
export const Image = Schema.Struct({
  uuid: ImageId,
  tag: triState(Schema.String),
  created_at: triState(Timestamp),
  operation_uuid: triState(OperationId)
})
/**
 * @since 0.1.0
 * @category images
 */
export type Image = typeof Image.Type

/**
 * @since 0.1.0
 * @category images
 */
export const ImageList = Schema.Struct({ images: Schema.Array(Image) })

/**
 * @since 0.1.0
 * @category images
 */
export const TagRequest = Schema.Struct({ tag: Schema.String })

/**
 * Where an image is imported from. The server shows a password as `<MASKED>`.
 *
 * @since 0.1.0
 * @category images
 */
export const Registry = Schema.Struct({
  url: Schema.String,
  credentials: triState(Schema.Struct({ username: triState(Schema.String), password: triState(Schema.String) }))
})

/**
 * @since 0.1.0
 * @category images
 */
export const ImageImportRequest = Schema.Struct({
  registry: Registry,
  tag: triState(Schema.String),
  timeout: triState(Schema.Int)
})
/**
 * @since 0.1.0
 * @category images
 */
export type ImageImportRequest = typeof ImageImportRequest.Type

/**
 * @since 0.1.0
 * @category images
 */
export const ImageImportMetadata = Schema.Struct({
  registry: triState(Schema.Struct({ ...Registry.fields, url: triState(Schema.String) })),
  tag: triState(Schema.String),
  timeout: triState(Schema.Number)
})

// ----------------------------------------------------------------------------------------------------------- files

/**
 * @since 0.1.0
 * @category files
 */
export const UploadedFile = Schema.Struct({ uuid: FileId, sha256: Sha256, size: Schema.Number })
/**
 * @since 0.1.0
 * @category files
 */
export type UploadedFile = typeof UploadedFile.Type

/**
 * @since 0.1.0
 * @category files
 */
export const File = Schema.Struct({ ...UploadedFile.fields, created_at: Timestamp, updated_at: Timestamp })
/**
 * @since 0.1.0
 * @category files
 */
export type File = typeof File.Type

/**
 * @since 0.1.0
 * @category files
 */
export const FileList = Schema.Struct({ files: Schema.Array(File) })

/**
 * An uploaded file to put into a sandbox before its command starts. Defaults: owner 0:0, mode 0644.
 *
 * @since 0.1.0
 * @category files
 */
export const FileSpec = Schema.Struct({
  uuid: FileId,
  uid: triState(Schema.NonNegativeInt),
  gid: triState(Schema.NonNegativeInt),
  mode: triState(Mode)
})
/**
 * @since 0.1.0
 * @category files
 */
export type FileSpec = typeof FileSpec.Type

// ------------------------------------------------------------------------------------------------------- instances

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
  block_input: triState(Schema.Number),
  block_output: triState(Schema.Number),
  involuntary_switches: triState(Schema.Number),
  voluntary_switches: triState(Schema.Number),
  max_rss: triState(Schema.Number),
  page_faults: triState(Schema.Number),
  page_faults_io: triState(Schema.Number),
  shared_memory: triState(Schema.Number),
  unshared_memory: triState(Schema.Number),
  signals: triState(Schema.Number),
  swaps: triState(Schema.Number),
  elapsed_time: triState(Schema.Number),
  monotonic_time: triState(Schema.Number),
  user_cpu_time: triState(Schema.Number),
  system_cpu_time: triState(Schema.Number),
  cost: triState(Schema.Number)
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
  result: triState(InstanceResult)
})

/**
 * The answer to a spawn: the operation's id and an echo of the request, of which only the id matters.
 *
 * @since 0.1.0
 * @category instances
 */
export const OperationCreated = Schema.Struct({ uuid: OperationId })

// ------------------------------------------------------------------------------------------------------ operations

/**
 * `PENDING`, `ASSIGNED` and `EXECUTING` go on; `SUCCESS`, `FAILED` and `CANCELLED` are ends. Any other word goes on.
 *
 * @since 0.1.0
 * @category operations
 */
export const OperationStatus = open("PENDING", "ASSIGNED", "EXECUTING", "SUCCESS", "FAILED", "CANCELLED")
/**
 * @since 0.1.0
 * @category operations
 */
export type OperationStatus = typeof OperationStatus.Type

/**
 * @since 0.1.0
 * @category operations
 */
export const isTerminal = (status: string | null | undefined): status is "SUCCESS" | "FAILED" | "CANCELLED" =>
  status === "SUCCESS" || status === "FAILED" || status === "CANCELLED"

/**
 * @since 0.1.0
 * @category operations
 */
export const OperationKind = open("instance", "image_import")

/**
 * @since 0.1.0
 * @category operations
 */
export const OperationSummary = Schema.Struct({
  uuid: OperationId,
  kind: triState(OperationKind),
  status: triState(OperationStatus),
  error: triState(Schema.String),
  created_at: triState(Timestamp),
  duration: triState(Schema.Number),
  image_size: triState(Schema.Number),
  consumed_cpu: triState(Schema.Number),
  consumed_memory: triState(Schema.Number),
  image_uuid: triState(ImageId),
  result_image_uuid: triState(ImageId)
})
/**
 * @since 0.1.0
 * @category operations
 */
export type OperationSummary = typeof OperationSummary.Type

/**
 * @since 0.1.0
 * @category operations
 */
export const OperationSummaries = Schema.Array(OperationSummary)

const operationFields = {
  ...OperationSummary.fields,
  result: triState(Schema.Struct({ image: triState(ImageId), tag: triState(Schema.String) }))
}

/**
 * One operation whole. `metadata` is read by `kind`: an instance's, an import's, and of any other kind left as it is.
 *
 * @since 0.1.0
 * @category operations
 */
export const Operation = Schema.Union(
  Schema.Struct({ ...operationFields, kind: Schema.Literal("instance"), metadata: triState(InstanceMetadata) }),
  Schema.Struct({ ...operationFields, kind: Schema.Literal("image_import"), metadata: triState(ImageImportMetadata) }),
  Schema.Struct({
    ...operationFields,
    kind: triState(Schema.String.pipe(Schema.filter((kind) => kind !== "instance" && kind !== "image_import"))),
    metadata: triState(Schema.Unknown)
  })
)
/**
 * @since 0.1.0
 * @category operations
 */
export type Operation = typeof Operation.Type

// --------------------------------------------------------------------------------------------------------- inspect

/**
 * One entry of a folder. `mode` is the whole `st_mode` with the type bits; `mtime` is in seconds since 1970.
 *
 * @since 0.1.0
 * @category inspect
 */
export const FileItem = Schema.Struct({
  size: Schema.Number,
  path: Schema.String,
  owner: Schema.Union(Schema.String, Schema.Number),
  group: Schema.Union(Schema.String, Schema.Number),
  uid: Schema.Int,
  gid: Schema.Int,
  mode: Schema.Int,
  mtime: Schema.Number,
  nlink: Schema.Int,
  is_dir: Schema.Boolean,
  is_regular: Schema.Boolean,
  is_symlink: Schema.Boolean,
  is_socket: Schema.Boolean,
  is_fifo: Schema.Boolean,
  symlink_to: Schema.String
})
/**
 * @since 0.1.0
 * @category inspect
 */
export type FileItem = typeof FileItem.Type

/**
 * @since 0.1.0
 * @category inspect
 */
export const DirectoryList = Schema.Struct({ path: Schema.String, files: Schema.Array(FileItem) })
/**
 * @since 0.1.0
 * @category inspect
 */
export type DirectoryList = typeof DirectoryList.Type

/**
 * One line: `line_number` from 1, offsets in bytes.
 *
 * @since 0.1.0
 * @category inspect
 */
export const GrepMatch = Schema.Struct({
  path: Schema.String,
  line_number: Schema.Int,
  absolute_offset: Schema.Number,
  line_text: Schema.String,
  line_bytes: Schema.Int,
  submatches: Schema.Array(Schema.Struct({ text: Schema.String, start: Schema.Int, end: Schema.Int })),
  type: open("match", "context")
})

/**
 * @since 0.1.0
 * @category inspect
 */
export const GrepResult = Schema.Struct({
  path: Schema.String,
  patterns: Schema.Array(Schema.String),
  matches: Schema.Array(GrepMatch),
  truncated: Schema.Boolean
})
/**
 * @since 0.1.0
 * @category inspect
 */
export type GrepResult = typeof GrepResult.Type

// -------------------------------------------------------------------------------------------------------- identity

/**
 * @since 0.1.0
 * @category identity
 */
export const WhoAmI = Schema.Struct({
  token_uuid: Schema.String,
  token_expiration: Schema.NullOr(Schema.Number),
  permissions: Schema.Record({ key: Schema.String, value: Schema.Boolean }),
  operations_stat: Schema.Record({ key: Schema.String, value: Schema.Number }),
  limits: triState(Schema.Record({ key: Schema.String, value: Schema.Number }))
})
/**
 * @since 0.1.0
 * @category identity
 */
export type WhoAmI = typeof WhoAmI.Type

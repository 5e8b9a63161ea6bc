/**
 * `contree-local import`: an image from a registry or from this machine into the store.
 *
 * @since 0.1.0
 */
import * as Reference from "effect-contree/Reference"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { realpathSync } from "node:fs"
import { dirname, isAbsolute, resolve } from "node:path"
import type { EngineError } from "../EngineError.js"
import type { ImportError } from "../oci/ImportError.js"
import * as RootTree from "../oci/RootTree.js"
import * as Source from "../oci/Source.js"
import type { EventLine } from "../run/EventLines.js"
import type { EventLogError } from "../run/EventLogError.js"
import * as ImportRequest from "../run/ImportRequest.js"
import type { Refusal } from "../run/Refusal.js"
import * as Start from "../server/Start.js"
import type { StoreError } from "../store/StoreError.js"
import type { Parsed } from "./Args.js"
import type { CommandError } from "./CommandError.js"
import { commandError } from "./CommandError.js"
import * as Follow from "./Follow.js"
import * as Progress from "./Progress.js"
import * as Signals from "./Signals.js"
import type * as Specs from "./Specs.js"
import * as Stdin from "./Stdin.js"
import * as Stores from "./Stores.js"
import * as Terminal from "./Terminal.js"

type Given = Parsed<(typeof Specs.import)["options"]>
type Failure = CommandError | EngineError | EventLogError | ImportError | StoreError

/** What the engine is to import, and what it must be allowed to read for it. */
interface Wanted {
  readonly url: string
  readonly localImages: ReadonlyArray<string>
  /** as it is shown */
  readonly name: string
}

const passwordVariable = "CONTREE_REGISTRY_PASSWORD"
const maxPasswordBytes = 64 * 1024

const passwordGiven = (): string => process.env[passwordVariable] ?? ""

/** From the environment, else piped in: the list of processes shows a command line to everybody. */
const passwordOf = Effect.suspend((): Effect.Effect<string, CommandError> => {
  const password = passwordGiven()
  if (password !== "") return Effect.succeed(password)
  const missing = commandError(
    `--username needs a password: put it in ${passwordVariable}, or pipe it in, as in \`... < password-file\``
  )
  if (process.stdin.isTTY === true) return missing
  return Stdin.text(process.stdin, maxPasswordBytes).pipe(
    Effect.map((text) => (text ?? "").replace(/\r?\n$/, "")),
    Effect.filterOrFail((text) => text !== "", () => missing),
    Effect.ensuring(Effect.sync(() => process.stdin.destroy()))
  )
})

/** A path of the command line begins where the command was typed. */
const absolute = (reference: string): string => {
  const [, transport, path = ""] = /^(oci|oci-archive|docker-archive):(?!\/\/)(.+)$/.exec(reference) ?? []
  return transport === undefined || isAbsolute(path) ? reference : `${transport}:${resolve(path)}`
}

const folderOf = (path: string): string => {
  try {
    return dirname(realpathSync(path))
  } catch {
    // the import says that it is not there
    return dirname(path)
  }
}

/** Whoever types the command may read what they name. */
const allowed = (url: string): ReadonlyArray<string> =>
  Either.match(Source.parse(url), {
    onLeft: () => [],
    onRight: (source) =>
      source._tag === "Layout" ? [source.path] : source._tag === "Archive" ? [folderOf(source.path)] : []
  })

const rootTree = (
  opened: Start.Opened,
  source: RootTree.Source,
  reporter: Progress.Reporter
): Effect.Effect<Wanted, ImportError | StoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const path = resolve(source.path)
    let state: Progress.State = { phase: "reading", bytes: 0, totalBytes: 0, layers: 0, totalLayers: 0 }
    const telling = yield* Effect.fork(
      Effect.repeat(Effect.suspend(() => reporter.show(state)), Schedule.spaced("250 millis"))
    )
    const folder = yield* RootTree.layout(opened.store.scratch, { ...source, path }, (bytes) => {
      state = { ...state, bytes }
    }).pipe(Effect.ensuring(Fiber.interrupt(telling)))
    return { url: `oci:${folder}`, localImages: [folder], name: `${source.kind}:${path}` }
  })

const wantedOf = (
  opened: Start.Opened,
  reference: string,
  reporter: Progress.Reporter
): Effect.Effect<Wanted, ImportError | StoreError, Scope.Scope> =>
  Option.match(RootTree.parse(reference), {
    onNone: () => {
      const url = absolute(reference)
      return Effect.succeed({ url, localImages: allowed(url), name: url })
    },
    onSome: (source) => rootTree(opened, source, reporter)
  })

/** The name of an image in its registry is its tag here, so that it is found by what it is called everywhere. */
const tagOf = (given: string | undefined, { url }: Wanted): string | null =>
  given ?? Option.getOrNull(
    /^(oci|oci-archive|docker-archive):(?!\/\/)/.test(url)
      ? Option.none()
      : Option.flatMap(Either.getRight(Reference.parse(url.replace(/^oci:\/\//, "docker://"))), Reference.toTag)
  )

const requestOf = (
  { options }: Given,
  wanted: Wanted
): Effect.Effect<ImportRequest.ImportRequest, CommandError | Refusal> =>
  Effect.gen(function*() {
    const { username } = options
    const credentials = username === undefined ? undefined : { username, password: yield* passwordOf }
    const request = yield* ImportRequest.make({
      registry: { url: wanted.url, ...(credentials === undefined ? {} : { credentials }) },
      tag: tagOf(options.tag, wanted),
      timeout: options.timeout ?? ImportRequest.limits.maxTimeoutSeconds
    })
    // a root file system is imported from a folder that is gone afterwards
    return wanted.name === wanted.url
      ? request
      : { ...request, echo: { ...request.echo, registry: { url: wanted.name, credentials: null } } }
  })

const ProgressEvent = Schema.parseJson(Schema.Struct({
  data: Schema.Struct({
    phase: Schema.String,
    bytes: Schema.Number,
    total_bytes: Schema.Number,
    layers: Schema.Number,
    total_layers: Schema.Number
  })
}))

const show = (reporter: Progress.Reporter) => (line: EventLine): Effect.Effect<void> =>
  Option.match(Schema.decodeUnknownOption(ProgressEvent)(line.json), {
    onNone: () => Effect.void,
    onSome: ({ data: { bytes, layers, phase, total_bytes, total_layers } }) =>
      reporter.show({ phase, bytes, totalBytes: total_bytes, layers, totalLayers: total_layers })
  })

const work = (given: Given): Effect.Effect<number, Failure | Refusal, Scope.Scope> =>
  Effect.gen(function*() {
    const { operand, options } = given
    const insecureRegistries = options.insecure
    const reporter = Progress.reporter(Terminal.look(process.stderr))
    yield* Effect.addFinalizer(() => reporter.clear)
    const store = yield* Stores.pathOf(options.store)
    const opened = yield* Start.open({ store, images: [], insecureRegistries })
    const wanted = yield* wantedOf(opened, operand, reporter)
    const request = yield* requestOf(given, wanted)
    const importer = yield* Start.importer(opened, { insecureRegistries, localImages: wanted.localImages })
    const end = yield* Effect.acquireUseRelease(
      importer.begin(request),
      () => Follow.toEnd({ ...opened, known: importer.known }, request.operationId, show(reporter)),
      // one that has ended is not there any more
      (_, exit) => exit._tag === "Success" ? Effect.void : Effect.ignore(importer.cancel(request.operationId))
    )
    yield* reporter.clear
    if (end.image === null) {
      return yield* commandError(`${wanted.name} was not imported: ${end.error ?? end.status.toLowerCase()}`)
    }
    const tagged = Option.match(request.tag, { onNone: () => "", onSome: (tag) => `, tagged ${tag}` })
    yield* Terminal.say(`imported ${wanted.name}${tagged}`)
    yield* Terminal.out(`${end.image}\n`)
    return 0
  })

/** It speaks of a field of the wire's request, which nobody wrote here; its status is for programs. */
const refused = ({ error }: Refusal): Effect.Effect<never, CommandError> =>
  commandError(error.replace(/^registry\.url: /, "this reference cannot be imported: "))

/**
 * Prints the image's id on stdout. A signal cancels the import and waits for its end.
 *
 * @since 0.1.0
 * @category commands
 */
export const main = (given: Given): Effect.Effect<number, Failure> =>
  Signals.orInterrupted(Effect.catchTag(Effect.scoped(work(given)), "Refusal", refused))

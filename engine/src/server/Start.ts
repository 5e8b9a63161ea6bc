/**
 * An engine from its parts, opened and closed in order.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { statSync } from "node:fs"
import { join, resolve } from "node:path"
import * as Box from "../box/Box.js"
import { EngineError } from "../EngineError.js"
import * as BlobCache from "../oci/BlobCache.js"
import * as Budget from "../oci/Budget.js"
import * as EventLog from "../run/EventLog.js"
import * as Importer from "../run/Importer.js"
import * as Runner from "../run/Runner.js"
import { defaultStore } from "../store/DefaultStore.js"
import * as Store from "../store/Store.js"
import type { Engine } from "./Engine.js"
import * as Guard from "./Guard.js"
import * as Server from "./Server.js"

/**
 * How an engine is set up; every field has a default that is right for development and tests.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The folder of images, files and operations; made when absent, shared by all engines that name it. Default
   * `$XDG_DATA_HOME/effect-contree`, else `~/.local/share/effect-contree`. It must be on a local file system.
   */
  readonly store?: string | undefined
  /** The base images to have, by name. Default `["busybox"]`. */
  readonly images?: ReadonlyArray<string> | undefined
  /** Runs at once, default 50; one more is refused with 429. */
  readonly concurrency?: number | undefined
  /**
   * What a run gets that does not say `networking`: `"none"`, the default, is a loopback of its own; `"host"` is the
   * host's network, its loopback included.
   */
  readonly network?: "none" | "host" | undefined
  /** Bytes of one uploaded file; more is 413. Default 2 GiB. */
  readonly maxUploadBytes?: number | undefined
  /**
   * Bytes of memory that a run and all that it began may take together, what it keeps in a tmpfs included; the process that
   * asks for more is killed (exit code 137). At least 16 MiB; default three quarters of the machine's, or of the container's
   * around the engine. It holds where the engine is root and a memory cgroup can be made, as `contree-local doctor` says.
   */
  readonly maxMemoryBytes?: number | undefined
  /** How often, in milliseconds, a stream of events that has nothing to say shows that it lives. Default 15,000. */
  readonly keepAliveMillis?: number | undefined
  /** A connection that carries no byte for so many milliseconds is cut. Default 120,000. */
  readonly idleMillis?: number | undefined
  /**
   * The address to listen on. Default `127.0.0.1`: this machine alone. Whoever reaches the engine and has its token runs
   * commands as you do, so another address needs a `token` of your own; there is no TLS.
   */
  readonly host?: string | undefined
  /** The port to listen on. Default 0: one that is free. */
  readonly port?: number | undefined
  /**
   * Folders of this machine whose images may be imported by path (`oci:`, `oci-archive:`, `docker-archive:`). Default:
   * none. Whoever has the token reads in an image what the engine can read there.
   */
  readonly localImages?: ReadonlyArray<string> | undefined
  /**
   * Bytes that the layers of an imported image may have together, unpacked; a larger one is refused while it is unpacked, as
   * is one that would leave less than 1 GiB (or 5 %) of the disk. Default 64 GiB.
   */
  readonly maxImageBytes?: number | undefined
  /**
   * Registries, as `host[:port]`, that are spoken to without TLS. Default: none but those of this machine. Who reads the
   * line reads the password.
   */
  readonly insecureRegistries?: ReadonlyArray<string> | undefined
  /** What clients must show: printable ASCII without spaces. Default: a new one that nobody can guess. */
  readonly token?: Redacted.Redacted<string> | undefined
}

/**
 * What holds where the options are silent.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaults = {
  concurrency: 50,
  network: "none",
  maxUploadBytes: 2 * 1024 ** 3,
  keepAliveMillis: 15_000,
  idleMillis: 120_000
} as const

export {
  /**
   * Where the store is when nobody says.
   *
   * @since 0.1.0
   * @category defaults
   */
  defaultStore
} from "../store/DefaultStore.js"

/** How registries are asked. What the engine's own traces are called is nothing to them. */
const registryClient = Effect.map(HttpClient.HttpClient, HttpClient.withTracerPropagation(false)).pipe(
  Effect.provide(FetchHttpClient.layer)
)

// a program under test may hold its own clock still: processes and connections go on all the same
const inRealTime = Effect.withClock(Clock.make())

const isWhole = (value: number, min: number): boolean => Number.isSafeInteger(value) && value >= min

const listenComplaint = ({ host = "127.0.0.1", port = 0, token }: Options): string | undefined => {
  if (!(isWhole(port, 0) && port <= 65_535)) return `port is ${port}: give a whole number from 0 to 65535`
  if (host === "" || /[\s/\0]/.test(host)) return "host is no address: give one of this machine, such as 127.0.0.1"
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(Redacted.value(token))) {
    return "token is empty, or has something in it that a header cannot carry: give printable ASCII without spaces"
  }
  return Guard.isLoopback(host) || token !== undefined ?
    undefined :
    `host is ${host}, where other machines reach it, and ` +
    "whoever has the token runs commands here as you do: give a token of your own, that you can keep and hand out"
}

/** less, and the box itself cannot start */
const minMemoryBytes = 16 * 1024 ** 2

const isFolder = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

const registryPattern = /^(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::([0-9]{1,5}))?$/

const isRegistry = (text: string): boolean => {
  const match = registryPattern.exec(text)
  return match !== null && (match[1] === undefined || (Number(match[1]) >= 1 && Number(match[1]) <= 65_535))
}

const importComplaint = ({ insecureRegistries = [], localImages = [] }: Options): string | undefined => {
  const folder = localImages.find((path) => path === "" || path.includes("\0") || !isFolder(resolve(path)))
  if (folder !== undefined) {
    return `localImages names ${
      JSON.stringify(folder)
    }, which is no folder of this machine: make it first, or leave it out`
  }
  const registry = insecureRegistries.find((name) => !isRegistry(name))
  return registry === undefined
    ? undefined
    : `insecureRegistries names ${JSON.stringify(registry)}: give host or host:port, as it stands in references`
}

const complaint = (options: Options): string | undefined => {
  const { concurrency = defaults.concurrency, maxUploadBytes = defaults.maxUploadBytes } = options
  const { idleMillis = defaults.idleMillis, keepAliveMillis = defaults.keepAliveMillis } = options
  if (!isWhole(concurrency, 1)) return `concurrency is ${concurrency}: give a whole number of at least 1`
  if (!isWhole(maxUploadBytes, 1)) return `maxUploadBytes is ${maxUploadBytes}: give a whole number of at least 1`
  if (options.maxImageBytes !== undefined && !isWhole(options.maxImageBytes, 1)) {
    return `maxImageBytes is ${options.maxImageBytes}: give a whole number of at least 1`
  }
  if (options.maxMemoryBytes !== undefined && !isWhole(options.maxMemoryBytes, minMemoryBytes)) {
    return `maxMemoryBytes is ${options.maxMemoryBytes}: give a whole number of at least ${minMemoryBytes}`
  }
  // what Node's timers take
  if (!(idleMillis > 0 && idleMillis <= 2_147_483_647)) return `idleMillis is ${idleMillis}: give 1 to 2147483647`
  return keepAliveMillis > 0 && keepAliveMillis < idleMillis
    ? listenComplaint(options) ?? importComplaint(options)
    : `keepAliveMillis is ${keepAliveMillis}: give more than 0, and less than idleMillis (${idleMillis}), or streams of ` +
      "events that have nothing to say are cut"
}

const check = (options: Options): Effect.Effect<void, EngineError> => {
  if (options.store === "" || options.store?.includes("\0") === true) {
    const description = "the option store is empty or has a NUL byte: name a folder, or leave the option out"
    return Effect.fail(new EngineError({ reason: "StoreUnusable", description }))
  }
  const wrong = complaint(options)
  return wrong === undefined
    ? Effect.void
    : Effect.fail(new EngineError({ reason: "InvalidOption", description: `the option ${wrong}` }))
}

/**
 * What there is without looking at the machine: enough for imports.
 *
 * @since 0.1.0
 * @category models
 */
export type Opened = Pick<Engine, "store" | "log">

/**
 * Opens the store. Fails where an option is wrong, whatever part it is for.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (options: Options = {}): Effect.Effect<Opened, EngineError, Scope.Scope> =>
  inRealTime(Effect.gen(function*() {
    yield* check(options)
    const path = resolve(options.store ?? (yield* defaultStore))
    const store = yield* Store.open({ path, images: options.images })
    const log = yield* EventLog.make(join(store.path, "events")).pipe(
      Effect.mapError((error) => new EngineError({ reason: "StoreUnusable", description: error.description }))
    )
    return { store, log }
  }))

/**
 * What imports images into an open store. When the scope closes, imports are stopped first.
 *
 * @since 0.1.0
 * @category constructors
 */
export const importer = (
  { log, store }: Opened,
  options: Pick<Options, "insecureRegistries" | "localImages" | "maxImageBytes">
): Effect.Effect<Importer.Importer, never, Scope.Scope> =>
  inRealTime(Effect.gen(function*() {
    return yield* Importer.make({
      store,
      log,
      blobs: BlobCache.make(store.path, store.scratch),
      client: yield* registryClient,
      insecure: options.insecureRegistries ?? [],
      localImages: (options.localImages ?? []).map((folder) => resolve(folder)),
      maxImageBytes: options.maxImageBytes ?? Budget.maxImageBytes
    })
  }))

/**
 * Opens the store and looks at the machine: an engine that nobody listens for. When the scope closes, runs and imports are
 * stopped first and their operations end `FAILED` with "engine stopped".
 *
 * @since 0.1.0
 * @category constructors
 */
export const parts = (options: Options = {}): Effect.Effect<Engine, EngineError, Scope.Scope> =>
  inRealTime(Effect.gen(function*() {
    const concurrency = options.concurrency ?? defaults.concurrency
    const { log, store } = yield* open(options)
    const launcher = yield* Box.make({ store: store.path, maxMemoryBytes: options.maxMemoryBytes })
    return {
      store,
      launcher,
      runner: yield* Runner.make({ store, launcher, log, concurrency }),
      importer: yield* importer({ log, store }, options),
      log,
      concurrency,
      maxUploadBytes: options.maxUploadBytes ?? defaults.maxUploadBytes,
      keepAliveMillis: options.keepAliveMillis ?? defaults.keepAliveMillis,
      network: options.network ?? defaults.network
    }
  }))

/**
 * `parts`, and listens. When the scope closes, runs are stopped first, as there; then connections, then the store.
 *
 * @since 0.1.0
 * @category constructors
 */
export const start = (options: Options = {}): Effect.Effect<Server.Address, EngineError, Scope.Scope> =>
  inRealTime(Effect.gen(function*() {
    const engine = yield* parts(options)
    const address = yield* Server.start(
      engine,
      { idleMillis: options.idleMillis, host: options.host, port: options.port, token: options.token }
    )
    // before the connections go, so that whoever follows a run still reads its end
    yield* Effect.addFinalizer(() =>
      Effect.all([engine.runner.close, engine.importer.close], { concurrency: "unbounded" })
    )
    return address
  }))

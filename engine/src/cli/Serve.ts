/**
 * `contree-local serve`: an engine that outlives the programs that use it.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { readable } from "../box/ShellText.js"
import { EngineError } from "../EngineError.js"
import type { Address } from "../server/Server.js"
import * as Start from "../server/Start.js"
import type { Parsed } from "./Args.js"
import * as Signals from "./Signals.js"
import * as Specs from "./Specs.js"
import * as Stores from "./Stores.js"
import * as Terminal from "./Terminal.js"

const names = {
  host: Specs.serve.options.host.name,
  port: Specs.serve.options.port.name,
  token: Specs.serve.options.token.name,
  localImages: Specs.serve.options.localImages.name,
  insecureRegistries: Specs.serve.options.insecure.name
}

type Given = Parsed<(typeof Specs.serve)["options"]>["options"]

/** From the command line, else from the environment: not by the name of the service's, which is nobody else's business. */
const tokenOf = (args: Given): Effect.Effect<Option.Option<Redacted.Redacted<string>>> =>
  args.token !== undefined
    ? Effect.succeedSome(Redacted.make(args.token))
    : Config.option(Config.redacted("CONTREE_LOCAL_TOKEN")).pipe(
      Effect.map(Option.filter((token) => Redacted.value(token) !== "")),
      Effect.orElseSucceed(Option.none)
    )

const announcement = ({ token, url }: Address, store: string, json: boolean): string => {
  const secret = Redacted.value(token)
  if (json) return `${JSON.stringify({ url, token: secret, pid: process.pid })}\n`
  return `contree-local listens on ${url}, with its images and operations in ${store}.

For the programs that are to use it:

  export CONTREE_URL=${readable(url)} CONTREE_TOKEN=${readable(secret)}

Ctrl-C ends it, and every run with it.
`
}

/** An option by the name that it has here; some have none, and cannot be wrong. */
const asTyped = (error: EngineError): EngineError =>
  error.reason !== "InvalidOption" ? error : new EngineError({
    reason: error.reason,
    description: Object.entries(names).reduce(
      (text, [name, typed]) => text.replace(`the option ${name} `, `the option ${typed} `),
      error.description
    )
  })

/**
 * Serves until SIGINT, SIGTERM or SIGHUP; then runs are stopped and nothing is left. The effect gives the exit code.
 *
 * @since 0.1.0
 * @category commands
 */
export const main = ({ options }: { readonly options: Given }): Effect.Effect<number, EngineError> =>
  Effect.gen(function*() {
    // before the start, so that a signal in the middle of it leaves nothing either
    const done = yield* Signals.first
    const token = yield* tokenOf(options)
    const store = yield* Stores.pathOf(options.store)
    const serving = Start.start({
      store,
      host: options.host,
      port: options.port,
      token: Option.getOrUndefined(token),
      localImages: options.localImages,
      insecureRegistries: options.insecure
    }).pipe(
      Effect.flatMap((address) => Terminal.out(announcement(address, store, options.json))),
      Effect.zipRight(Effect.never),
      Effect.mapError(asTyped)
    )
    yield* Effect.raceFirst(serving, Deferred.await(done))
    return 0
  }).pipe(Effect.scoped)

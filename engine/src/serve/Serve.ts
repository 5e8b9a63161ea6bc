/**
 * `contree-local serve`: an engine that outlives the programs that use it.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { resolve } from "node:path"
import type { Address } from "../server/Server.js"
import * as Start from "../server/Start.js"
import { parse } from "./ServeArgs.js"
import type { ServeArgs } from "./ServeArgs.js"

/**
 * Where the command speaks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Terminal {
  readonly out: (text: string) => Effect.Effect<void>
  readonly err: (text: string) => Effect.Effect<void>
  /** says what is wrong with the command line, and how it is used; the exit code */
  readonly misunderstood: (what: string) => Effect.Effect<number>
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Done at the first signal. A second one meets nobody, so it ends a process that takes too long to end itself. */
const signalled: Effect.Effect<Deferred.Deferred<void>, never, Scope.Scope> = Effect.gen(function*() {
  const done = yield* Deferred.make<void>()
  const listen = (): void => {
    for (const signal of signals) process.off(signal, listen)
    Deferred.unsafeDone(done, Effect.void)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      for (const signal of signals) process.on(signal, listen)
    }),
    () =>
      Effect.sync(() => {
        for (const signal of signals) process.off(signal, listen)
      })
  )
  return done
})

/** from the command line, else from the environment */
const tokenOf = (args: ServeArgs): Effect.Effect<Option.Option<Redacted.Redacted<string>>> =>
  args.token !== undefined
    ? Effect.succeedSome(Redacted.make(args.token))
    : Config.option(Config.redacted("CONTREE_TOKEN")).pipe(
      Effect.map(Option.filter((token) => Redacted.value(token) !== "")),
      Effect.orElseSucceed(Option.none)
    )

const inShell = (text: string): string => /^[\w.:/@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

const announcement = ({ token, url }: Address, store: string, json: boolean): string => {
  const secret = Redacted.value(token)
  if (json) return `${JSON.stringify({ url, token: secret, pid: process.pid })}\n`
  return `contree-local listens on ${url}, with its images and operations in ${store}.

For the programs that are to use it:

  export CONTREE_URL=${inShell(url)} CONTREE_TOKEN=${inShell(secret)}

Ctrl-C ends it, and every run with it.
`
}

/**
 * Serves until SIGINT, SIGTERM or SIGHUP; then runs are stopped and nothing is left. The effect gives the exit code.
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve = (args: ReadonlyArray<string>, terminal: Terminal): Effect.Effect<number> =>
  Either.match(parse(args), {
    onLeft: terminal.misunderstood,
    onRight: (given) =>
      Effect.gen(function*() {
        // before the start, so that a signal in the middle of it leaves nothing either
        const done = yield* signalled
        const token = yield* tokenOf(given)
        const store = given.store === undefined ? yield* Start.defaultStore : resolve(given.store)
        const serving = Start.start({
          store,
          host: given.host,
          port: given.port,
          token: Option.getOrUndefined(token)
        }).pipe(
          Effect.flatMap((address) => terminal.out(announcement(address, store, given.json))),
          Effect.zipRight(Effect.never)
        )
        yield* Effect.raceFirst(serving, Deferred.await(done))
        return 0
      }).pipe(
        Effect.scoped,
        Effect.catchAll((error) => Effect.as(terminal.err(`contree-local: ${error.message}\n`), 1))
      )
  })

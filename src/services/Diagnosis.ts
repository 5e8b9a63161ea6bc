/**
 * What stands between a program and a service, in words: who asks, what they may do, and what is missing.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type * as Errors from "../schemas/Errors.js"
import type * as Wire from "../schemas/Wire.js"
import { ContreeApi } from "./ContreeApi.js"
import { ContreeConfig } from "./ContreeConfig.js"
import * as Problems from "./DiagnosisProblems.js"

/**
 * - `MissingProject`: the gateway wants to know which project
 * - `TokenRejected`: the token, or the token in this project, is not accepted
 * - `TokenExpired`: its time is over by our clock
 * - `NoPermissions`: accepted, and allowed nothing: most often a project that is not the token's
 * - `MissingPermission`: allowed some things and not this one, which is in `permission`
 * - `WrongBaseUrl`: something answers there that is no ConTree service
 * - `Unreachable`: nothing answers
 * - `Trouble`: the service is there, and cannot say now
 *
 * @since 0.1.0
 * @category models
 */
export interface Problem {
  readonly reason:
    | "MissingProject"
    | "TokenRejected"
    | "TokenExpired"
    | "NoPermissions"
    | "MissingPermission"
    | "WrongBaseUrl"
    | "Unreachable"
    | "Trouble"
  /** what is wrong */
  readonly what: string
  /** what to do about it */
  readonly advice: string
  /** the one that is missing */
  readonly permission?: string
  /** what the service, or the network, answered */
  readonly error?: Errors.RequestError
}

/**
 * What is allowed: a thing to do, and whether the token may. None: the service did not say.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ability {
  readonly what: string
  readonly allowed: Option.Option<boolean>
}

/**
 * The answer of `Contree.diagnose`. `String(diagnosis)` is the text of `format`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Diagnosis extends Inspectable.Inspectable {
  /** nothing is known that keeps a command from running: some things may be forbidden all the same */
  readonly isReady: boolean
  /** none where the configuration is not at hand: it is when `ContreeConfig` is in the context too */
  readonly baseUrl: Option.Option<string>
  readonly project: Option.Option<string>
  readonly tokenId: Option.Option<string>
  readonly tokenExpires: Option.Option<DateTime.Utc>
  readonly abilities: ReadonlyArray<Ability>
  /** as the service names them */
  readonly permissions: { readonly [name: string]: boolean }
  readonly limits: { readonly [name: string]: number }
  /** the worst first */
  readonly problems: ReadonlyArray<Problem>
}

type Fields = Omit<Diagnosis, keyof Inspectable.Inspectable>

class DiagnosisImpl extends Inspectable.Class implements Diagnosis {
  readonly isReady: boolean
  readonly baseUrl: Option.Option<string>
  readonly project: Option.Option<string>
  readonly tokenId: Option.Option<string>
  readonly tokenExpires: Option.Option<DateTime.Utc>
  readonly abilities: ReadonlyArray<Ability>
  readonly permissions: { readonly [name: string]: boolean }
  readonly limits: { readonly [name: string]: number }
  readonly problems: ReadonlyArray<Problem>

  constructor(fields: Fields) {
    super()
    this.isReady = fields.isReady
    this.baseUrl = fields.baseUrl
    this.project = fields.project
    this.tokenId = fields.tokenId
    this.tokenExpires = fields.tokenExpires
    this.abilities = fields.abilities
    this.permissions = fields.permissions
    this.limits = fields.limits
    this.problems = fields.problems
  }
  toJSON(): unknown {
    return {
      _id: "Diagnosis",
      isReady: this.isReady,
      baseUrl: Option.getOrNull(this.baseUrl),
      project: Option.getOrNull(this.project),
      permissions: this.permissions,
      limits: this.limits,
      problems: this.problems.map(({ advice, reason, what }) => ({ reason, what, advice }))
    }
  }
  override toString(): string {
    return format(this)
  }
}

// ------------------------------------------------------------------------------------------------------ from an answer

/** seconds since 1970 */
const expiry = (seconds: number | null): Option.Option<DateTime.Utc> =>
  seconds === null ? Option.none() : DateTime.make(seconds * 1000)

interface Place {
  readonly baseUrl: Option.Option<string>
  readonly project: Option.Option<string>
}

const fromWhoAmI = (place: Place, me: Wire.WhoAmI, now: DateTime.Utc): Diagnosis => {
  const expires = expiry(me.token_expiration)
  const isExpired = Option.exists(expires, (at) => DateTime.lessThan(at, now))
  const problems: ReadonlyArray<Problem> = [
    ...(isExpired
      ? [{
        reason: "TokenExpired" as const,
        what: "the token has expired, by this machine's clock",
        advice: "get a new one"
      }]
      : []),
    ...Problems.ofPermissions(me.permissions)
  ]
  const may = (anyOf: ReadonlyArray<string>): boolean => anyOf.some((name) => me.permissions[name] === true)
  return new DiagnosisImpl({
    ...place,
    isReady: !isExpired && may(["spawn", "spawn_disposable"]) && may(["list"]),
    tokenId: Option.some(me.token_uuid),
    tokenExpires: expires,
    abilities: Problems.abilities.map(({ anyOf, what }) => ({ what, allowed: Option.some(may(anyOf)) })),
    permissions: me.permissions,
    limits: me.limits ?? {},
    problems
  })
}

const unknown = (place: Place, problems: ReadonlyArray<Problem>): Diagnosis =>
  new DiagnosisImpl({
    ...place,
    isReady: problems.length === 0,
    tokenId: Option.none(),
    tokenExpires: Option.none(),
    abilities: Problems.abilities.map(({ what }) => ({ what, allowed: Option.none() })),
    permissions: {},
    limits: {},
    problems
  })

// --------------------------------------------------------------------------------------------------------------- words

const mark = (allowed: Option.Option<boolean>): string =>
  Option.match(allowed, { onNone: () => "?", onSome: (is) => is ? "yes" : "no" })

/**
 * For a person to read: a line on each thing, problems with what to do about them.
 *
 * @since 0.1.0
 * @category conversions
 */
export const format = (self: Diagnosis): string => {
  const expires = Option.map(self.tokenExpires, (at) => `, expires ${DateTime.formatIso(at)}`)
  const limits = Object.entries(self.limits)
  return [
    self.isReady
      ? "ConTree: ready to run commands"
      : "ConTree: commands cannot be run as things stand",
    ...Option.toArray(Option.map(self.baseUrl, (url) => `  service   ${url}`)),
    ...Option.toArray(Option.map(self.project, (project) => `  project   ${project}`)),
    ...Option.toArray(
      Option.map(self.tokenId, (id) => `  token     ${id}${Option.getOrElse(expires, () => "")}`)
    ),
    ...(Option.isSome(self.tokenId)
      ? ["  may", ...self.abilities.map(({ allowed, what }) => `    ${mark(allowed).padEnd(4)}${what}`)]
      : []),
    ...(limits.length === 0 ? [] : ["  limits", ...limits.map(([name, limit]) => `    ${name} = ${limit}`)]),
    ...self.problems.flatMap(({ advice, error, what }) => [
      `  ! ${what}`,
      `    -> ${advice}`,
      ...(error === undefined
        ? []
        : [`    (${error._tag}${error.description === undefined ? "" : `: ${oneLine(error.description)}`})`])
    ])
  ].join("\n")
}

const oneLine = (text: string): string => {
  const line = text.replace(/\s+/g, " ")
  return line.length <= 200 ? line : `${line.slice(0, 200)}...`
}

// ------------------------------------------------------------------------------------------------------------ diagnose

/** Some servers have no `whoami`: one that gives lists is a ConTree service all the same. */
const withoutWhoami = (error: Errors.RequestError): boolean =>
  error._tag === "UnexpectedStatusError" && error.status === 404

/**
 * @internal
 */
export const diagnose: Effect.Effect<Diagnosis, never, ContreeApi> = Effect.gen(function*() {
  const api = yield* ContreeApi
  const config = yield* Effect.serviceOption(ContreeConfig)
  const place: Place = {
    baseUrl: Option.map(config, ({ baseUrl }) => baseUrl),
    project: Option.flatMap(config, ({ project }) => project)
  }
  const now = yield* DateTime.now
  return yield* Effect.matchEffect(api.whoami, {
    onSuccess: (me) => Effect.succeed(fromWhoAmI(place, me, now)),
    onFailure: (error) =>
      withoutWhoami(error)
        ? Effect.match(api.listImages({ limit: 1 }), {
          onSuccess: () => unknown(place, []),
          onFailure: (second) => unknown(place, [Problems.ofError(withoutWhoami(second) ? error : second)])
        })
        : Effect.succeed(unknown(place, [Problems.ofError(error)]))
  })
}).pipe(Effect.withSpan("Contree.diagnose"))

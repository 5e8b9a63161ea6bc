/** What a configuration may hold, checked. No message here repeats a value: any of them may be, or hold, a secret. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ConfigurationError } from "../schemas/Errors.js"

/** where the hosted service is */
export const defaultBaseUrl = "https://api.tokenfactory.nebius.com/sandboxes"

export const failure = (
  method: string,
  description: string,
  tried: ReadonlyArray<string>
): ConfigurationError => new ConfigurationError({ method, description, tried: [...tried], retryable: false })

type Checked<A> = Either.Either<A, string>

/** without slashes and `/v1` at its end; user information, a query and a fragment have no place in a base URL */
export const baseUrl = (text: string): Checked<string> => {
  const trimmed = text.trim()
  const bad = (what: string) => Either.left(`the base URL ${what}`)
  if (!/^https?:\/\/[^/?#\\]/i.test(trimmed)) return bad("must begin with http:// or https:// and a host")
  if (!URL.canParse(trimmed)) return bad("is no URL")
  const url = new URL(trimmed)
  if (url.username !== "" || url.password !== "") {
    return bad("must not hold a user or a password: give the token by itself")
  }
  if (/[?#]/.test(trimmed)) return bad("must not have a query or a fragment")
  return Either.right(`${url.origin}${url.pathname.replace(/\/+$/, "").replace(/\/v1$/, "").replace(/\/+$/, "")}`)
}

/** what an HTTP header can carry as it is */
const isHeaderText = (text: string): boolean => /^[\x20-\x7e]+$/.test(text)

export const headerText = (what: string, text: string): Checked<string> =>
  isHeaderText(text.trim())
    ? Either.right(text.trim())
    : Either.left(`${what} has characters that no HTTP header can carry`)

export const token = (value: Redacted.Redacted<string>): Checked<Redacted.Redacted<string>> => {
  const text = Redacted.value(value).trim()
  if (text === "") return Either.left("there is no token")
  return /^[\x21-\x7e]+$/.test(text)
    ? Either.right(Redacted.make(text))
    : Either.left("the token has spaces or characters that no HTTP header can carry")
}

export const duration = (
  what: string,
  value: Duration.DurationInput | undefined,
  fallback: Duration.DurationInput
): Checked<Duration.Duration> =>
  Option.match(Option.filter(Duration.decodeUnknown(value ?? fallback), (d) => Duration.toMillis(d) > 0), {
    onNone: () => Either.left(`${what} must be a duration above zero`),
    onSome: (decoded) => Either.right(decoded)
  })

export const limit = (
  what: string,
  value: number | "server" | undefined,
  fallback: number
): Checked<number | "server"> => {
  const given = value ?? fallback
  return given === "server" || (Number.isInteger(given) && given > 0)
    ? Either.right(given)
    : Either.left(`${what} must be a whole number above zero, or "server"`)
}

/** empty means missing: that is how a shell unsets a variable for one command */
export const present = (text: string | undefined): string | undefined =>
  text === undefined || text.trim() === "" ? undefined : text.trim()

export const orFail = <A>(
  checked: Checked<A>,
  method: string,
  tried: ReadonlyArray<string>
): Effect.Effect<A, ConfigurationError> => Effect.mapError(checked, (what) => failure(method, what, tried))

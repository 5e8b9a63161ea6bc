/** Credentials of a registry, taken out of what others say. */
import * as Encoding from "effect/Encoding"
import * as Predicate from "effect/Predicate"
import type { ContreeError } from "../schemas/Errors.js"
import { type Scrub, scrubber } from "./HttpText.js"

interface Credentials {
  readonly username?: string | null
  readonly password?: string | null
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** A name may be short and part of other words: it goes where it stands alone. */
const nameScrubber = (name: string): Scrub => {
  if (name === "") return (text) => text
  const alone = new RegExp(`(?<![\\p{L}\\p{N}_])${escaped(name)}(?![\\p{L}\\p{N}_])`, "gu")
  return (text) => text.replace(alone, "<redacted>")
}

/** The password, and the two as basic authentication has them. */
export const secretsOf = (credentials: Credentials | null | undefined): ReadonlyArray<string> => {
  const password = credentials?.password ?? ""
  return password === "" ? [] : [Encoding.encodeBase64(`${credentials?.username ?? ""}:${password}`), password]
}

/** The secrets in any place; the name as a word. */
export const credentialScrubber = (credentials: Credentials | null | undefined): Scrub => {
  const secrets = secretsOf(credentials).map(scrubber)
  const name = nameScrubber(credentials?.username ?? "")
  return (text) => name(secrets.reduce((clean, scrub) => scrub(clean), text))
}

/** every text in a value as JSON has them */
export const scrubDeep = (value: unknown, scrub: Scrub): unknown => {
  if (typeof value === "string") return scrub(value)
  if (Array.isArray(value)) return value.map((item) => scrubDeep(item, scrub))
  if (!Predicate.isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, scrubDeep(item, scrub)]))
}

/** the same error, without what must not be in its description */
export const scrubError = <E extends ContreeError>(error: E, scrub: Scrub): E => {
  const description = error.description === undefined ? undefined : scrub(error.description)
  if (description === error.description) return error
  // every error is made of its fields alone, which it has as its own properties
  const Class = error.constructor as new(fields: object) => E
  return new Class({ ...error, description })
}

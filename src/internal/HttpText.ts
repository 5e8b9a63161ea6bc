/** What others wrote, made fit to show: without secrets, without markup, without control characters, and short. */
import * as Predicate from "effect/Predicate"

/** takes a secret out of a text, also as it would stand in a URL or in JSON */
export type Scrub = (text: string) => string

const redactedText = "<redacted>"

const encodeSafely = (text: string): string => {
  try {
    return encodeURIComponent(text)
  } catch {
    return text
  }
}

export const scrubber = (secret: string): Scrub => {
  if (secret === "") return (text) => text
  const forms = [...new Set([secret, encodeSafely(secret), JSON.stringify(secret).slice(1, -1)])]
  return (text) => forms.reduce((clean, form) => clean.split(form).join(redactedText), text)
}

/** shorter ones stand in too many words by chance */
const shortestLearned = 6

/** A scrubber that learns further secrets as they are sent. */
export const learningScrubber = (
  secret: string
): { readonly scrub: Scrub; readonly learn: (secret: string) => void } => {
  const first = scrubber(secret)
  const learned = new Map<string, Scrub>()
  return {
    scrub: (text) => [...learned.values()].reduce((clean, scrub) => scrub(clean), first(text)),
    learn: (secret) => {
      if (secret.length >= shortestLearned && !learned.has(secret)) learned.set(secret, scrubber(secret))
    }
  }
}

const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g

/** `more`: how many characters there are beside this text */
const cut = (text: string, length: number, more: number): string => {
  const rest = Math.max(0, text.length - length) + more
  return rest === 0 ? text : `${text.slice(0, length)}... (${rest} characters more)`
}

/** terminals obey control characters; a log takes a line break for a new entry */
const tidy = (text: string): string => text.replace(control, " ").trim()

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: "\"", nbsp: " ", "#39": "'" }

/** the words of a page of a proxy; no pattern here looks past the next tag, so each is linear in the text */
const withoutTags = (html: string): string =>
  html
    .replace(/<(script|style)\b[^<>]*>[^<]*/gi, " ")
    .replace(/<[^<>]*>/g, " ")
    .replace(/&(amp|lt|gt|quot|nbsp|#39);/g, (_, name: string) => entities[name] ?? " ")
    .replace(/\s+/g, " ")
    .trim()

const looksLikeMarkup = (text: string): boolean => /^\s*<[!a-z?]/i.test(text)

const maxPage = 300
const maxText = 2000
/** what is made readable: a page has its words within that, and an answer may be of 128 MiB */
const maxRaw = 8 * 1024

/** a text of a server, for a description: scrubbed before and after, since taking tags out may join what was apart */
export const readableText = (text: string, scrub: Scrub, length: number = maxPage): string => {
  const clean = scrub(text)
  const head = clean.slice(0, Math.max(maxRaw, length))
  return cut(scrub(tidy(looksLikeMarkup(head) ? withoutTags(head) : head)), length, clean.length - head.length)
}

/** a value of the field `error`, which may be any JSON */
const sayValue = (value: unknown): string => {
  if (typeof value === "string") return value
  if (value === null || value === undefined) return ""
  if (Predicate.isRecord(value)) {
    for (const key of ["message", "error", "detail", "description"]) {
      const inner = value[key]
      if (typeof inner === "string" && inner !== "") return inner
    }
  }
  return JSON.stringify(value) ?? ""
}

/** the server's own words in the body of a failure: JSON's `error`, or whatever text there is */
export const readableBody = (text: string, scrub: Scrub): string => {
  const trimmed = text.trim()
  if (trimmed === "") return ""
  try {
    const json: unknown = JSON.parse(trimmed)
    const said = Predicate.isRecord(json) && "error" in json ? sayValue(json["error"]) : sayValue(json)
    return readableText(said, scrub, maxText)
  } catch {
    return readableText(trimmed, scrub)
  }
}

/**
 * What stands before every route: who asks, and whether the path is one that the wire has. Protocol: sections 1.3, 2.0.
 *
 * @since 0.1.0
 */
import type { Refusal as RefusalType } from "../run/Refusal.js"
import { badRequest, forbidden, notFound, Refusal, unauthorized } from "../run/Refusal.js"
import { createHash, timingSafeEqual } from "node:crypto"

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/**
 * Is this `Authorization` header the engine's token? The time that it takes tells nothing about the token.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isAuthorized = (token: string): (header: string | undefined) => boolean => {
  const expected = digest(token)
  return (header) => {
    const given = /^Bearer +(\S+) *$/i.exec(header ?? "")?.[1] ?? ""
    // digests have one length, which the comparison needs; an empty token never passes
    return timingSafeEqual(digest(given), expected) && given !== ""
  }
}

/**
 * 401, for a missing token and a wrong one alike.
 *
 * @since 0.1.0
 * @category errors
 */
export const noToken: RefusalType = unauthorized(
  "the token is missing or unknown: send the engine's own as `Authorization: Bearer <token>`"
)

/**
 * Where an engine listens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listening {
  readonly address: string
  readonly port: number
}

/**
 * Does this address lead to this machine alone?
 *
 * @since 0.1.0
 * @category predicates
 */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)

/**
 * How a URL names an address.
 *
 * @since 0.1.0
 * @category conversions
 */
export const nameOf = (address: string): string => address.includes(":") ? `[${address}]` : address

/**
 * The engine's own names, as clients on this machine write them; `undefined` for an engine that other machines reach,
 * under whatever name they know.
 */
const ownHosts = ({ address, port }: Listening): ReadonlyArray<string> | undefined => {
  if (!isLoopback(address)) return undefined
  const names = [...new Set(["127.0.0.1", "localhost", nameOf(address)])]
  return names.flatMap((name) => port === 80 ? [`${name}:80`, name] : [`${name}:${port}`])
}

/**
 * Why a request is refused whose `Host` is not the engine's own address, or that a page of another origin sent;
 * `undefined` when it is not. A browser lets any page send requests to a loopback port, under a name that its author
 * chose; it says which in these two headers, and no page can change them. Other clients send no `Origin`. An engine that
 * other machines reach cannot know its names, and has a token of its owner's: there any `Host` will do.
 *
 * @since 0.1.0
 * @category predicates
 */
export const refuseSender = (
  listening: Listening
): (headers: {
  readonly host?: string | undefined
  readonly origin?: string | undefined
}) => RefusalType | undefined => {
  const hosts = ownHosts(listening)
  return (headers) => {
    const host = headers.host?.toLowerCase() ?? ""
    if (hosts?.includes(host) === false) {
      return forbidden(`the Host of a request to this engine is ${hosts.join(" or ")}`)
    }
    return headers.origin === undefined || headers.origin.toLowerCase() === `http://${host}`
      ? undefined
      : forbidden("this engine does not answer pages of another origin")
  }
}

// every name of the wire, ids included, is made of these: nothing needs an escape, so nothing may have one
const segment = /^[A-Za-z0-9_-]+$/

interface Shape {
  readonly methods: ReadonlyArray<string>
  readonly path: RegExp
}

const id = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
const shape = (path: string, ...methods: ReadonlyArray<string>): Shape => ({
  methods,
  path: new RegExp(`^/v1${path}$`)
})

const shapes: ReadonlyArray<Shape> = [
  shape("/whoami", "GET"),
  shape("/images", "GET"),
  shape("/images/import", "POST"),
  shape("/images/[^/]+/tag", "PATCH", "DELETE"),
  shape("/files", "GET", "POST"),
  shape("/files/[^/]+", "GET", "HEAD"),
  shape("/instances", "POST"),
  shape("/operations", "GET"),
  shape("/operations/[^/]+", "GET", "DELETE"),
  shape("/operations/[^/]+/events", "GET"),
  shape("/operations/[^/]+/subprocesses", "POST"),
  shape("/operations/[^/]+/subprocesses/[^/]+", "GET", "DELETE"),
  shape("/operations/[^/]+/subprocesses/[^/]+/stdin", "POST"),
  shape("/inspect/?", "GET"),
  shape("/inspect/[^/]+/?", "GET"),
  shape("/inspect/[^/]+/(?:download|archive)", "GET", "HEAD"),
  shape("/inspect/[^/]+/(?:list|grep)", "GET")
]

const uuid = new RegExp(`^${id}$`)
const sha256 = /^[0-9a-fA-F]{64}$/

/** the one segment whose form a route fixes, by the two before it */
const malformedId = (segments: ReadonlyArray<string>): RefusalType | undefined => {
  const [, room, name, , spid] = segments
  if (name === undefined || name === "" || (room === "images" && name === "import")) return undefined
  if (room === "files" && !sha256.test(name)) {
    return badRequest("the digest in the path must be 64 hexadecimal digits")
  }
  if (["images", "operations", "inspect"].includes(room ?? "") && !uuid.test(name)) {
    return badRequest("the id in the path must be a UUID")
  }
  return spid !== undefined && !/^\d{1,9}$/.test(spid) ? badRequest("the spid in the path must be a number") : undefined
}

/**
 * Why this method and path are refused before any route is tried; `undefined` when they are not. The router alone would
 * forgive case, slashes and escapes, so that one thing had many names.
 *
 * @since 0.1.0
 * @category predicates
 */
export const refusePath = (method: string, url: string): RefusalType | undefined => {
  const at = url.indexOf("?")
  const path = at === -1 ? url : url.slice(0, at)
  const segments = path.split("/").slice(1)
  const last = segments.length - 1
  const clean = path.startsWith("/") && segments.every((part, i) => segment.test(part) || (part === "" && i === last))
  const known = clean ? shapes.filter((candidate) => candidate.path.test(path)) : []
  if (known.length === 0) return notFound("there is no such route")
  const methods = [...new Set(known.flatMap((candidate) => candidate.methods))]
  if (!methods.includes(method)) {
    const allow = methods.join(", ")
    return new Refusal({ status: 405, error: `this route answers ${allow}`, allow })
  }
  return malformedId(segments)
}

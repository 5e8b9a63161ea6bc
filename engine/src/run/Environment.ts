/**
 * What a command finds in its environment, and what of it may be shown. Protocol: sections 3.4 and 4.3.
 *
 * The order, later wins: `PATH` and `HOME`, then what the image keeps, then what the request says; a null in the request
 * removes. Nothing comes from the program that runs the engine.
 *
 * @since 0.1.0
 */

/**
 * Where commands are looked for when neither image nor request says.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/**
 * What a request says about the environment: a value, or null to remove.
 *
 * @since 0.1.0
 * @category models
 */
export type Requested = Readonly<Record<string, string | null>>

/**
 * What stays with the image when the request asks to preserve its environment: no defaults among it, so that they still
 * follow the user of a later run.
 *
 * @since 0.1.0
 * @category conversions
 */
export const merge = (kept: Readonly<Record<string, string>>, requested: Requested): Record<string, string> => {
  const merged = new Map(Object.entries(kept))
  for (const [name, value] of Object.entries(requested)) {
    if (value === null) merged.delete(name)
    else merged.set(name, value)
  }
  return Object.fromEntries(merged)
}

/**
 * The complete environment of a command.
 *
 * @since 0.1.0
 * @category conversions
 */
export const complete = (options: {
  readonly kept: Readonly<Record<string, string>>
  readonly requested: Requested
  readonly home: string
}): Record<string, string> => merge(merge({ PATH: defaultPath, HOME: options.home }, options.kept), options.requested)

/**
 * The home folder of a user by the text of an image's `/etc/passwd`: else `/root` for 0, and `/` for others.
 *
 * @since 0.1.0
 * @category conversions
 */
export const homeOf = (uid: number, passwd: string): string => {
  for (const line of passwd.split("\n")) {
    const fields = line.split(":")
    const home = fields[5]
    if (fields.length >= 7 && fields[2] === String(uid) && home?.startsWith("/") === true) return home
  }
  return uid === 0 ? "/root" : "/"
}

const secret = /(token|secret|password|api_key|credentials|authorization)$/i

/**
 * The same variables, the values of those that are called like a secret replaced.
 *
 * @since 0.1.0
 * @category conversions
 */
export const redact = (env: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, secret.test(name) ? "<REDACTED>" : value]))

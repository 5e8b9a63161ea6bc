/**
 * The options of `contree-local serve`.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"

/**
 * As they stand on the command line: what is absent is not there.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServeArgs {
  readonly host?: string
  readonly port?: number
  readonly store?: string
  readonly token?: string
  readonly json: boolean
}

const withValue = ["--host", "--port", "--store", "--token"] as const
type Name = (typeof withValue)[number]

const isName = (text: string): text is Name => withValue.some((name) => name === text)

/** `--name=value` is `--name value` */
const split = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.flatMap((arg) => {
    const at = arg.indexOf("=")
    return at > 0 && isName(arg.slice(0, at)) ? [arg.slice(0, at), arg.slice(at + 1)] : [arg]
  })

/**
 * Why they cannot be understood is a sentence about the option; it never repeats a value, which may be the token.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (args: ReadonlyArray<string>): Either.Either<ServeArgs, string> => {
  const values = new Map<Name, string>()
  let json = false
  const rest = [...split(args)]
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "--json") {
      json = true
      continue
    }
    if (!isName(name)) {
      const what = name.startsWith("-") ? `the option \`${name.split("=")[0]}\`` : "an argument that is no option"
      return Either.left(`serve does not know ${what}`)
    }
    const value = rest.shift()
    if (value === undefined || value === "") return Either.left(`serve needs something after \`${name}\``)
    if (values.has(name)) return Either.left(`serve was given \`${name}\` twice`)
    values.set(name, value)
  }
  const [host, port, store, token] = withValue.map((name) => values.get(name))
  if (port !== undefined && !/^\d{1,5}$/.test(port)) return Either.left("serve needs a number after `--port`")
  return Either.right({
    json,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(store === undefined ? {} : { store }),
    ...(token === undefined ? {} : { token })
  })
}

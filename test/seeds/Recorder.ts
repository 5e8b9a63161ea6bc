/** Notes each member that a program really uses, with the arguments and options it really gives. */
import { Effect, Either, Option } from "effect"
import { Command, Image } from "effect-contree"

export interface Recorder {
  /** such as `Images.use`, `Images.use[0]`, `Images.use{strict}`, `Image.run[0]:Shell` */
  readonly seen: ReadonlySet<string>
  readonly watch: <A extends object>(name: string, value: A) => A
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** what comes out of a member, by the member's name */
const produced: Readonly<Record<string, string>> = {
  "Image.run": "RunResult",
  "Session.run": "RunResult",
  "Image.session": "Session",
  "Image.start": "Process",
  "Image.popen": "Popen",
  "Process.result": "RunResult"
}

export const makeRecorder = (): Recorder => {
  const seen = new Set<string>()
  const argument = (name: string, value: unknown, i: number): void => {
    seen.add(`${name}[${i}]`)
    if (Command.isCommand(value)) {
      seen.add(`${name}[${i}]:${value._tag}`)
      if (value._tag === "Exec" && value.args.length > 0) seen.add(`${name}[${i}]:args`)
    } else if (isPlain(value)) {
      for (const key of Object.keys(value)) if (value[key] !== undefined) seen.add(`${name}{${key}}`)
    }
  }
  const outcome = (name: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((item: unknown) => outcome(name, item))
    if (Image.isImage(value)) return watch("Image", value)
    const kind = produced[name]
    return kind !== undefined && typeof value === "object" && value !== null ? watch(kind, value) : value
  }
  const wrap = (name: string, value: unknown): unknown => {
    // they are effects too, and here they are values
    if (Option.isOption(value) || Either.isEither(value)) return value
    if (Image.isImage(value)) return watch("Image", value)
    return Effect.isEffect(value)
      ? Effect.map(value, (result) => {
        seen.add(`${name}:done`)
        return outcome(name, result)
      })
      : value
  }
  const watch = <A extends object>(owner: string, target: A): A =>
    new Proxy(target, {
      get: (_, key) => {
        // private fields are the target's: its members are not called on the proxy
        const value: unknown = Reflect.get(target, key, target)
        if (typeof key === "symbol") return value
        const name = `${owner}.${key}`
        if (typeof value !== "function") {
          seen.add(name)
          return wrap(name, value)
        }
        return (...args: ReadonlyArray<unknown>) => {
          seen.add(name)
          args.forEach((arg, i) => argument(name, arg, i))
          return wrap(name, Reflect.apply(value, target, args))
        }
      }
    })
  return { seen, watch }
}

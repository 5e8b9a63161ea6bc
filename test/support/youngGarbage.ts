/** Has V8 look at its young objects alone, as it does all the time on its own: what only dead old ones hold stays. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

type Collect = (options?: { readonly type: "minor" | "major" }) => void

setFlagsFromString("--expose-gc")
const collect: Collect = runInNewContext("gc")

/** Twice: what is still used then counts as old. */
export const collectYoung = (): void => {
  collect({ type: "minor" })
  collect({ type: "minor" })
}

/** so that nothing from before is left */
export const collectAll = (): void => collect({ type: "major" })

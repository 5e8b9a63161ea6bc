/** Attempts in a box that prove something: each of them has to work where it may. */
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import type { Target } from "./Attack.js"
import { cannotTell, inBox, notRun } from "./Attack.js"

/** What stands before parts of the kernel in every box. */
export const masks: ReadonlyArray<string> = ["/proc/sys", "/proc/kcore", "/proc/sysrq-trigger"].filter((path) =>
  Fs.existsSync(path)
)

/** What the kernel says to who may not. */
const denial = /not permitted|permission denied|read-only file system|invalid argument/i

interface Tries {
  readonly tries: ReadonlyArray<string>
  /** what works in the same box with the same tools */
  readonly control: string
  /** what is not tried where the control fails, which then is the machine's doing; else it is a failure */
  readonly without?: string
}

/** Scripts that try something. One that fails counts only where it was the kernel that refused it. */
export const refused = ({ control, tries, without }: Tries) => async (target: Target): Promise<string> => {
  const scripts = [control, ...tries].map((script) => `( ${script} ) 2>&1; echo "exit $?"`)
  const said = await inBox(target, scripts.join("\n"))
  const ends = [...said.matchAll(/([^]*?)exit (\d+)(?:\n|$)/g)].map(([, text = "", code]) => ({ text, code }))
  const [first, ...others] = ends
  if (first === undefined || others.length !== tries.length) return cannotTell(said)
  if (first.code !== "0") return without === undefined ? cannotTell(`${control}: ${first.text}`) : notRun(without)
  for (const [index, { code, text }] of others.entries()) {
    if (code === "0") return `done: ${tries[index]}`
    if (!denial.test(text)) return cannotTell(`${tries[index]}: ${text}`)
  }
  return "refused"
}

const planted = "/planted/secret"
const between = "-----"

/**
 * Ways to print the file `$SECRET`, or a variable `CONTREE_ATTACK` of somebody else. Each must print it where it is in the
 * box, and none may print that of the host.
 */
export const unseen = (ways: ReadonlyArray<string>, before = ":") => async (target: Target): Promise<string> => {
  const { content, path } = target.secret
  const marker = randomBytes(16).toString("hex")
  const looks = [before, ...ways.map((way) => `{ ${way} ; } 2>/dev/null; echo ${between}`)].join("\n")
  const plant = `mkdir -p ${dirname(planted)}; echo "$PLANTED" > ${planted}; unset PLANTED`
  const env = { SECRET: planted, PLANTED: marker, CONTREE_ATTACK: marker }
  const there = (await inBox(target, `${plant}\n${looks}`, { env })).split(between)
  const blind = ways.filter((_, index) => there[index]?.includes(marker) !== true)
  if (blind.length > 0) return cannotTell(`${blind.join(" | ")} finds nothing in the box either: ${there.join("; ")}`)
  const found = await inBox(target, looks, { env: { SECRET: path } })
  if (found.includes(content)) return "the host's secret was read"
  return found.split(between).length === ways.length + 1 ? "nothing seen" : cannotTell(found)
}

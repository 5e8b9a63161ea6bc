/**
 * A fork bomb, under a bound that this file sets itself and sees at work before the bomb begins: far below the engine's
 * own, so that it troubles nobody else. Where nothing can bound it there is none.
 */
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Cgroups from "../../src/box/Cgroups.js"
import { eventually, groupsOfRun, isRoot } from "../box/BoxFixture.js"
import * as Local from "../support/LocalEngine.js"
import type { Engine, Follower } from "../support/LocalEngine.js"
import type { Target } from "./Attack.js"
import { notRun } from "./Attack.js"

const bound = 64

/** How many may go on at most where no bound holds: this many sleep, and then it is over. */
const counted = `i=0; while [ $i -lt ${bound * 4} ]; do sleep 1000 & i=$((i+1)); done; echo unbounded`

const endless = "f() { f | f & }; f; read stay"

const saidBy = (events: Follower, type: "stdout" | "stderr"): string => {
  const text = events.text()
  return Local.outputOf(Local.eventsOf(text.slice(0, text.lastIndexOf("\n\n") + 2)), type).toString()
}

const refusal = "can't fork"

const numberIn = (path: string): number => Number(Fs.readFileSync(path, "utf8").trim())

/** The cgroup that bounds this run, with a bound of ours. Throws unless its processes are in there. */
const tighten = (id: string): string => {
  const group = groupsOfRun(id).find((path) => Fs.existsSync(`${path}/pids.max`))
  if (group === undefined) throw new Error(`no cgroup bounds the run ${id}`)
  Fs.writeFileSync(`${group}/pids.max`, String(bound))
  const inside = Fs.readFileSync(`${group}/cgroup.procs`, "utf8").trim().split("\n").length
  // bubblewrap, the box's init, `time` and the command at least
  if (inside < 4 || numberIn(`${group}/pids.max`) !== bound) throw new Error(`${group} does not bound the run`)
  return group
}

/** A run that waits until it is bounded, then does what the script says. */
const bounded = async (
  engine: Engine,
  script: string,
  look: (events: Follower, group: string | undefined) => Promise<string>
): Promise<string> => {
  const limit = isRoot ? ":" : `ulimit -u ${bound} || exit 9`
  const command = `${limit}; echo ready; read go; ${script}`
  const stdin = { value: "", close: false }
  const id = await engine.spawn({ command, shell: true, disposable: true, timeout: 600, stdin })
  try {
    const events = await engine.follow(`/v1/operations/${id}/events?follow=1`)
    await events.until(() => saidBy(events, "stdout") === "ready\n")
    const group = isRoot ? tighten(id) : undefined
    await engine.call("POST", `/v1/operations/${id}/subprocesses/1/stdin`, { body: { value: "go\n" } })
    return await look(events, group)
  } finally {
    await engine.call("DELETE", `/v1/operations/${id}`)
    await engine.ended(id)
    await Effect.runPromise(eventually("the bomb is dead", () => Local.busyOn(engine.store, [id]).length === 0))
  }
}

const expected = isRoot ? "refused at its bound, and dead when the run is" : "the same, under a `ulimit -u` of its own"

export const forkBomb = async ({ engine }: Target): Promise<string> => {
  const bounds = { processes: Cgroups.maxProcesses, memoryBytes: Cgroups.defaultMemoryBytes() }
  const parents = await Effect.runPromise(Cgroups.find(isRoot ? "root" : "user", bounds))
  if (isRoot && !Cgroups.bounded(parents).has("processes")) {
    return notRun("a fork bomb. No cgroup bounds processes on this machine, and nothing else bounds those of root.")
  }
  // a loop that ends by itself: only where it is refused does the other begin
  const first = await bounded(engine, counted, async (events) => {
    await events.end
    return `${saidBy(events, "stdout")}${saidBy(events, "stderr")}`
  })
  if (!first.includes(refusal) || first.includes("unbounded")) return `nothing bounds it: ${first}`
  return bounded(engine, endless, async (events, group) => {
    await events.until(() => saidBy(events, "stderr").includes(refusal))
    const count = group === undefined ? 0 : numberIn(`${group}/pids.current`)
    // others run meanwhile
    const other = (await engine.run({ command: "echo other", shell: true, disposable: true })).status
    return count <= bound && other === "SUCCESS" ? expected : `${count} processes, and another run ends ${other}`
  })
}

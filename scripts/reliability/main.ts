/**
 * `npm run reliability`: runs under seeded faults, and runs interrupted at seeded moments. Exits with 1 when a promise is
 * broken, and says by which seed.
 *
 *   --quick        a tenth of it
 *   --count N      so many runs under faults, and half as many interrupted; default 2000
 *   --seed N       the first seed; default 1
 *   --concurrency N  at once; default 16
 *   --write        puts the figures into docs/reliability.md
 *   --replay N     the script of one seed, and what becomes of a run under it
 */
import { FaultProxy } from "contree-local"
import { Console, Effect } from "effect"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { engineOn } from "./Engines.js"
import * as Faulty from "./Faulty.js"
import * as Interrupted from "./Interrupted.js"
import * as Report from "./Report.js"

const page = fileURLToPath(new URL("../../docs/reliability.md", import.meta.url))

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    count: { type: "string" },
    seed: { type: "string", default: "1" },
    concurrency: { type: "string", default: "16" },
    write: { type: "boolean", default: false },
    replay: { type: "string" }
  }
})

const replay = (seed: number) =>
  Effect.scoped(Effect.gen(function*() {
    yield* Console.log(JSON.stringify(FaultProxy.generate(seed, { length: 1024 * 1024 * 9 / 8 }), null, 2))
    const verdict = yield* Faulty.one(yield* Effect.flatMap(engineOn, Faulty.paced), seed)
    yield* Console.log(JSON.stringify(verdict, null, 2))
    return verdict.wrong === undefined
  }))

const measure = (seed: number, count: number, concurrency: number) =>
  Effect.gen(function*() {
    const told = new Set<number>()
    const report = (verdicts: ReadonlyArray<Faulty.Verdict>) =>
      Effect.gen(function*() {
        for (const verdict of verdicts) {
          if (verdict.wrong === undefined || told.has(verdict.seed)) continue
          told.add(verdict.seed)
          yield* Console.log(`seed ${verdict.seed}, ${verdict.client}: wrong ${verdict.wrong}: ${verdict.got}`)
        }
        yield* Console.log(`${verdicts.length} of ${count}`)
      })
    const verdicts = yield* Faulty.all({ seed, count, concurrency, report })
    const outcome = yield* Interrupted.all({ seed, count: Math.ceil(count / 2), concurrency })
    const lines = [...Report.ofFaults(verdicts, seed), "", ...Report.ofInterrupts(outcome, seed)]
    yield* Console.log(lines.join("\n"))
    if (outcome.resourcesLeft.length > 0) yield* Console.log(`left: ${outcome.resourcesLeft.join(", ")}`)
    if (values.write) yield* Effect.sync(() => Report.write(page, lines))
    return Report.isGood(verdicts, outcome)
  })

const main = values.replay === undefined
  ? measure(Number(values.seed), Number(values.count ?? (values.quick ? 200 : 2000)), Number(values.concurrency))
  : replay(Number(values.replay))

process.exitCode = await Effect.runPromise(main) ? 0 : 1

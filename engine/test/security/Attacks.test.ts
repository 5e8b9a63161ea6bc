import { describe, expect, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { afterAll } from "vitest"
import { isRoot, temporaryFolder } from "../box/BoxFixture.js"
import * as FakeRegistry from "../oci/FakeRegistry.js"
import * as Local from "../support/LocalEngine.js"
import { isNotRun } from "./Attack.js"
import { attacks } from "./attacks.js"
import { maxImageBytes } from "./imageAttacks.js"

const folder = temporaryFolder()
const secret = { path: `${folder}/secret`, content: randomBytes(16).toString("hex") }
Fs.writeFileSync(secret.path, secret.content, { mode: 0o644 })
process.env["CONTREE_ATTACK"] = secret.content

const rows = Object.entries(attacks).flatMap(([by, all]) => all.map((attack) => ({ by, attack })))

/** what came of each, to be counted */
const seen = { asExpected: 0, notRun: 0 }

// so that nobody has to wait long for a slow client, or for a bomb to unpack
const options = { idleMillis: 2_500, keepAliveMillis: 500, maxImageBytes }

layer(Local.layer(options), { timeout: "5 minutes" })("attacks", (it) => {
  it.effect.each(rows)("$by: $attack.name", ({ attack }) =>
    Effect.scoped(Effect.gen(function*() {
      const engine = yield* Local.LocalEngine
      const registry = yield* FakeRegistry.make
      const outcome = yield* Local.promise(() => attack.attempt({ engine, registry, secret }))
      if (isNotRun(outcome)) {
        seen.notRun += 1
        console.warn(outcome)
      } else {
        expect(outcome).toBe(isRoot ? attack.outcome : attack.asUser ?? attack.outcome)
        seen.asExpected += 1
      }
      // whatever was tried, the engine goes on
      expect((yield* Local.promise(() => engine.call("GET", "/v1/whoami"))).status).toBe(200)
    })))
})

afterAll(() =>
  console.log(
    `attacks as ${
      isRoot ? "root" : "an ordinary user"
    }: ${rows.length}, as expected: ${seen.asExpected}, not run: ${seen.notRun}`
  )
)

describe("the page about security", () => {
  it("says how many there are", () => {
    const page = Fs.readFileSync(new URL("../../../docs/security.md", import.meta.url), "utf8")
    const counts = Object.entries(attacks).map(([by, all]) => `${all.length} from ${by}`)
    expect(page).toContain(`${rows.length} attacks: ${counts.join(", ")}.`)
  })

  it("has a row for each attack, with what comes of it", () => {
    const page = Fs.readFileSync(new URL("../../../docs/security.md", import.meta.url), "utf8")
    const listed = page.split("\n").filter((line) => line.startsWith("| ") && line.split("|").length === 5)
    const expected = rows.map(({ attack }) => `| ${attack.name} | ${attack.outcome} | ${attack.asUser ?? "the same"} |`)
    expect(listed.filter((line) => !/^\| (attack|-)/.test(line))).toEqual(expected)
  })
})

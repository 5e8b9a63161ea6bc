/**
 * A program with an engine, runs of every kind and an import in flight, to be killed at any moment. Prints its operations
 * and the images that were committed, each with the digest of its files: what is printed must be there after the crash.
 * Asked to, it collects garbage all the while, of everything that has no tag.
 */
import { Duration, Effect, Schedule } from "effect"
import { createHash, randomBytes, randomUUID } from "node:crypto"
import * as Store from "../../src/store/Store.js"
import * as FakeRegistry from "../oci/FakeRegistry.js"
import { file, image, tar } from "../oci/Tar.js"
import { startOn } from "./LocalEngine.js"
import type { Client } from "./LocalEngine.js"

const [store = "", boxes = "10", collects = ""] = process.argv.slice(2)

const say = (word: string, ...rest: ReadonlyArray<string>): void =>
  void process.stdout.write(`${[word, ...rest].join(" ")}\n`)

const scripts = [
  "while :; do date >> /f; done",
  "sleep 1000 & sleep 1000 & trap '' TERM; sleep 1000",
  "head -c 300000 /dev/zero; sleep 1000",
  "echo kept > /f; (while :; do date >> /f; done) > /dev/null 2>&1 &"
]

/** With a tag each, so that no collection takes them. */
const newTag = (): string => `crash-${randomUUID()}`

/** The operation itself, or its image, may be collected before the image has a tag: then nothing is said of it. */
const tell = async (client: Client, operation: string): Promise<void> => {
  const found: string | null | undefined = (await client.ended(operation)).result_image_uuid
  if (found === null || found === undefined) return
  const tagged = await client.call("PATCH", `/v1/images/${found}/tag`, { body: { tag: newTag() } })
  if (tagged.status === 404) return
  const { body, status } = await client.call("GET", `/v1/inspect/${found}/archive?path=/f`)
  if (tagged.status !== 200 || status !== 200) throw new Error(`${tagged.status} and ${status} for ${found}`)
  say("image", found, createHash("sha256").update(body).digest("hex"))
}

const loop = async (client: Client, index: number): Promise<void> => {
  for (let round = 0;; round++) {
    const id = await client.spawn({ command: scripts[(index + round) % 4]!, shell: true })
    say("operation", id)
    if ((index + round) % 4 !== 3) {
      await new Promise((resolve) => setTimeout(resolve, 40))
      await client.call("DELETE", `/v1/operations/${id}`)
    }
    await tell(client, id)
  }
}

/** Another image each time, of a size that takes a while to unpack. */
const importing = async (client: Client, registry: FakeRegistry.FakeRegistry): Promise<void> => {
  for (;;) {
    const files = [file("f", randomBytes(500_000)), ...Array.from({ length: 100 }, (_, index) => file(`many/${index}`))]
    registry.add("crash", "v1", image([await tar(files), await tar([file("above", "x")])]))
    const url = `docker://${registry.host}/crash:v1`
    const begun = await client.call("POST", "/v1/images/import", { body: { registry: { url }, tag: newTag() } })
    say("operation", begun.json.uuid)
    await tell(client, begun.json.uuid)
  }
}

const collecting = Effect.gen(function*() {
  const opened = yield* Store.open({ path: store, images: [] })
  return yield* Effect.repeat(
    opened.collect({ keepFor: Duration.seconds(1), dryRun: false }),
    Schedule.spaced(Duration.millis(20))
  )
})

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const client = yield* startOn(store)
  const registry = yield* FakeRegistry.make
  say("ready")
  const all = [
    ...Array.from({ length: Number(boxes) }, (_, index) => Effect.promise(() => loop(client, index))),
    Effect.promise(() => importing(client, registry)),
    ...(collects === "" ? [] : [collecting])
  ]
  yield* Effect.all(all, { concurrency: "unbounded", discard: true })
})))

/**
 * A program with an engine and runs of every kind in flight, to be killed at any moment. Prints its operations and the
 * images that were committed, each with the digest of its files: what is printed must be there after the crash.
 */
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { startOn } from "./LocalEngine.js"
import type { Client } from "./LocalEngine.js"

const [store = "", boxes = "10"] = process.argv.slice(2)

const say = (word: string, ...rest: ReadonlyArray<string>): void =>
  void process.stdout.write(`${[word, ...rest].join(" ")}\n`)

const scripts = [
  "while :; do date >> /f; done",
  "sleep 1000 & sleep 1000 & trap '' TERM; sleep 1000",
  "head -c 300000 /dev/zero; sleep 1000",
  "echo kept > /f; (while :; do date >> /f; done) > /dev/null 2>&1 &"
]

const loop = async (client: Client, index: number): Promise<void> => {
  for (let round = 0;; round++) {
    const id = await client.spawn({ command: scripts[(index + round) % 4]!, shell: true })
    say("operation", id)
    if ((index + round) % 4 !== 3) {
      await new Promise((resolve) => setTimeout(resolve, 40))
      await client.call("DELETE", `/v1/operations/${id}`)
    }
    const image: string | null = (await client.ended(id)).result_image_uuid
    if (image === null) continue
    const { body } = await client.call("GET", `/v1/inspect/${image}/archive?path=/f`)
    say("image", image, createHash("sha256").update(body).digest("hex"))
  }
}

await Effect.runPromise(Effect.scoped(Effect.flatMap(startOn(store), (client) =>
  Effect.promise(() => {
    say("ready")
    return Promise.all(Array.from({ length: Number(boxes) }, (_, index) => loop(client, index)))
  }))))

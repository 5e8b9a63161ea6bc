import { expect, layer } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import { Command, Images, Output } from "effect-contree"
import { createHash, randomBytes } from "node:crypto"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { engineLayer } from "../support/engine.js"

const mebibyte = 1024 * 1024
const busybox = Effect.flatMap(Images.Images, (images) => images.use("busybox:latest"))

/** the same pseudo-random bytes on both sides: AES would need openssl, so a long chain of digests of a counter */
const generate = (seed: string) =>
  `i=0; while [ $i -lt 320 ]; do printf '${seed}%s' $i | sha512sum | cut -c1-128; i=$((i+1)); done`

const expectedBlock = (seed: string): Buffer =>
  Buffer.concat(
    Array.from({ length: 320 }, (_, i) => Buffer.from(createHash("sha512").update(`${seed}${i}`).digest("hex") + "\n"))
  )

setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")

/** Bytes that are in use; what merely was not collected yet says nothing. */
const held = (): number => {
  collectGarbage()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

layer(engineLayer(), { timeout: "5 minutes" })("output of real runs", (it) => {
  it.effect("10 MiB to stdout and 10 MiB to stderr at once arrive whole", () =>
    Effect.gen(function*() {
      const image = yield* busybox
      const [out, err] = [randomBytes(10 * mebibyte), randomBytes(10 * mebibyte)]
      const digests = { Stdout: createHash("sha256"), Stderr: createHash("sha256") }
      const sizes = { Stdout: 0, Stderr: 0 }
      yield* image.stream(Command.shell("cat /out & cat /err >&2; wait"), {
        files: { "/out": new Uint8Array(out), "/err": new Uint8Array(err) },
        truncateOutputAt: 10 * mebibyte
      }).pipe(Stream.runForEach((chunk) =>
        Effect.sync(() => {
          digests[chunk._tag].update(chunk.bytes)
          sizes[chunk._tag] += chunk.bytes.length
        })
      ))
      expect(sizes).toEqual({ Stdout: out.length, Stderr: err.length })
      expect(digests.Stdout.digest("hex")).toBe(createHash("sha256").update(out).digest("hex"))
      expect(digests.Stderr.digest("hex")).toBe(createHash("sha256").update(err).digest("hex"))
    }))

  it.effect("what the box computes is what arrives", () =>
    Effect.gen(function*() {
      const image = yield* busybox
      const script = `${generate("a")}; (${generate("b")}) >&2`
      const result = yield* image.run(Command.shell(script))
      expect(Buffer.from(result.stdout.bytes).equals(expectedBlock("a"))).toBe(true)
      expect(Buffer.from(result.stderr.bytes).equals(expectedBlock("b"))).toBe(true)
    }))

  it.effect("8 MiB of random bytes go in by stdin and come back by stdout", () =>
    Effect.gen(function*() {
      const image = yield* busybox
      const bytes = new Uint8Array(randomBytes(8 * mebibyte))
      const result = yield* image.run(Command.exec("cat"), { stdin: bytes, truncateOutputAt: 10 * mebibyte })
      expect(result.stdout.truncated).toBe(false)
      expect(Buffer.from(result.stdout.bytes).equals(Buffer.from(bytes))).toBe(true)
    }))

  it.effect("a consumer that stands still holds no output in memory", () =>
    Effect.gen(function*() {
      const image = yield* busybox
      const size = 10 * mebibyte
      // what is loaded at the first use belongs to no output
      yield* image.run(Command.exec("true"))
      let least = held()
      let most = 0
      let seen = 0
      let looked = 0
      yield* image.stream(Command.shell`head -c ${size} /dev/zero | tr '\0' '\377'`, { truncateOutputAt: size }).pipe(
        Stream.runForEach((chunk) =>
          Effect.gen(function*() {
            seen += chunk.bytes.length
            // let everything that would run ahead of us do so
            for (let i = 0; i < 5; i++) yield* Effect.yieldNow()
            if (seen - looked < mebibyte && seen < size) return
            looked = seen
            const now = held()
            // Of what other tests left, some may go only now.
            least = Math.min(least, now)
            most = Math.max(most, now)
          })
        )
      )
      expect(seen).toBe(size)
      // 13.3 MiB travel as base64; a copy of the whole in memory, decoded and encoded, would be over 24
      expect(most - least).toBeLessThan(24 * mebibyte)
    }))

  it.effect("multi-byte text split anywhere is whole again", () =>
    Effect.gen(function*() {
      const image = yield* busybox
      const script =
        `printf '\\342'; sleep 0.05; printf '\\202'; sleep 0.05; printf '\\254\\360\\237'; sleep 0.05; printf '\\230\\200\\n'`
      const text = yield* image.stream(Command.shell(script)).pipe(
        Output.stdout,
        Stream.decodeText(),
        Stream.runCollect
      )
      expect(Chunk.join(text, "")).toBe("€😀\n")
      const result = yield* image.run(Command.shell(script))
      expect(result.stdout.text).toBe("€😀\n")
    }))

  it.effect("output is cut at the exact byte: data for run, an error for stream", () =>
    Effect.gen(function*() {
      const image = yield* busybox
      const command = Command.shell("printf abcdefghij; printf xyz >&2")
      const result = yield* image.run(command, { truncateOutputAt: 7 })
      expect(result.stdout.text).toBe("abcdefg")
      expect(result.stdout.truncated).toBe(true)
      expect(result.stderr.text).toBe("xyz")
      expect(result.stderr.truncated).toBe(false)
      const error = yield* Effect.flip(Stream.runDrain(image.stream(command, { truncateOutputAt: 7 })))
      expect(error).toMatchObject({ _tag: "OutputTruncatedError", stream: "stdout", bytesEmitted: 7, bytesDropped: 3 })
    }))
})

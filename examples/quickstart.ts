/**
 * The first program: `npm run quickstart`. It needs Linux, bubblewrap and a static busybox, and no account.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ContreeLocal } from "contree-local"
import { Console, DateTime, Duration, Effect, Option, Stream } from "effect"
import type { Image } from "effect-contree"
import { Command, Images } from "effect-contree"

const paint = (code: number) => (text: string): string =>
  process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[${code}m${text}\u001b[0m` : text
const bold = paint(1)
const dim = paint(2)
const green = paint(32)

const heading = (text: string) => Console.log(`\n${bold(text)}`)
const took = (duration: Duration.Duration): string => dim(`${Math.round(Duration.toMillis(duration))} ms`)
const short = (image: Image.KeptImage): string => image.id.value.slice(0, 8)

/** One line of the tree at the end. */
interface Leaf {
  readonly image: Image.KeptImage
  readonly made: string
  readonly took: Option.Option<Duration.Duration>
  readonly children: ReadonlyArray<Leaf>
}

const draw = (leaf: Leaf, first = "", rest = ""): ReadonlyArray<string> => [
  `${first}${green(short(leaf.image))}  ${leaf.made}${
    Option.match(leaf.took, { onNone: () => "", onSome: (d) => `  ${took(d)}` })
  }`,
  ...leaf.children.flatMap((child, i) =>
    i === leaf.children.length - 1
      ? draw(child, `${rest}└─ `, `${rest}   `)
      : draw(child, `${rest}├─ `, `${rest}│  `)
  )
]

const program = Effect.gen(function*() {
  const images = yield* Images.Images
  const base = yield* images.use("busybox:latest", { strict: true })

  yield* heading("1. Run a command and keep its file system: a new image")
  const script = Command.shell`mkdir /data && printf '%s\n' pear apple ${"it's quoted"} > /data/list && cat /data/list`
  const built = yield* base.run(script, { disposable: false, check: true })
  yield* Console.log(
    `${built.stdout.text.trimEnd()}\n${dim("kept as")} ${green(short(built.image))}  ${took(built.elapsed)}`
  )

  yield* heading("2. Watch output as it appears (time of arrival, stream, text)")
  yield* built.image.stream(Command.shell("for i in 1 2 3; do echo tick $i; sleep 0.4; done; echo done >&2")).pipe(
    Stream.runForEach((out) => {
      const at = DateTime.formatIso(out.at).slice(11, 23)
      return Console.log(`${dim(at)}  ${out._tag.toLowerCase()}  ${out.text.trimEnd()}`)
    })
  )

  yield* heading("3. Branch it twice, in parallel")
  const branch = (name: string, script: string) =>
    Effect.map(built.image.run(Command.shell(script), { disposable: false, check: true }), (result): Leaf => ({
      image: result.image,
      made: `${name}: ${script}`,
      took: Option.some(result.elapsed),
      children: []
    }))
  const [wall, branches] = yield* Effect.timed(Effect.all([
    branch("sorted", "sort -o /data/list /data/list && sleep 0.5"),
    branch("shouted", "tr a-z A-Z < /data/list > /data/loud && sleep 0.5")
  ], { concurrency: "unbounded" }))
  yield* Effect.forEach(branches, (leaf) => Console.log(`${leaf.made}  ${took(Option.getOrThrow(leaf.took))}`))
  yield* Console.log(dim(`both together took ${Math.round(Duration.toMillis(wall))} ms`))

  yield* heading("4. Try something in a scratch scope: when it closes, everything in it is over")
  const scratch = yield* Effect.scoped(Effect.gen(function*() {
    const session = yield* built.image.scratch
    yield* session.run(Command.shell("rm /data/list && echo only here > /data/list"))
    const seen = yield* session.run(Command.exec("cat", ["/data/list"]))
    return { text: seen.stdout.text.trimEnd(), image: seen.image }
  }))
  const after = yield* Effect.either(scratch.image.run(Command.exec("true")))
  const original = yield* built.image.run(Command.exec("cat", ["/data/list"]), { check: true })
  yield* Console.log(`inside:  ${scratch.text}`)
  yield* Console.log(`after:   ${after._tag === "Left" ? after.left._tag : "still there?"}`)
  yield* Console.log(`outside: ${original.stdout.text.trimEnd().split("\n").join(", ")}  ${dim("(untouched)")}`)

  yield* heading("The images, and how long each run took")
  const tree: Leaf = {
    image: base,
    made: "busybox:latest",
    took: Option.none(),
    children: [{ image: built.image, made: "built", took: Option.some(built.elapsed), children: branches }]
  }
  yield* Console.log(draw(tree).join("\n"))
})

program.pipe(
  Effect.provide(ContreeLocal.layer()),
  Effect.catchTag("EngineError", (error) =>
    Effect.zipRight(
      Console.error(`${error.message}\n\nnpm run doctor   checks this machine, point by point`),
      Effect.sync(() => {
        process.exitCode = 1
      })
    )),
  // Ctrl-C interrupts, and so cancels what runs
  NodeRuntime.runMain
)

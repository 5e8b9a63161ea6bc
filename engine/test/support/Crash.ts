/**
 * Starts a program with runs and an import in flight as a process of its own, kills it with SIGKILL, and looks at what is
 * left.
 */
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { createInterface } from "node:readline"
import { processesOn } from "./LocalEngine.js"

export interface Crashed {
  readonly operations: ReadonlyArray<string>
  readonly images: ReadonlyMap<string, string>
}

const ended = (child: ReturnType<typeof spawn>): Promise<void> =>
  new Promise((done) =>
    child.exitCode !== null || child.signalCode !== null ? done() : child.once("exit", () => done())
  )

/** Kills it so many milliseconds after its engine is ready, and what else is asked for has happened. */
export const crash = async (options: {
  readonly program: string
  readonly store: string
  readonly boxes: number
  readonly afterMillis: number
  /** the time counts from when so many operations have begun; default 0 */
  readonly begun?: number | undefined
  /** and so many images are known to be committed; default 0 */
  readonly committed?: number | undefined
  /** it collects garbage too: its images are there afterwards, but not all of its operations */
  readonly collects?: boolean | undefined
  readonly wrap?: ReadonlyArray<string> | undefined
}): Promise<Crashed> => {
  const [file, ...args] = [
    ...(options.wrap ?? []),
    process.execPath,
    options.program,
    options.store,
    String(options.boxes),
    ...(options.collects === true ? ["collects"] : [])
  ]
  const child = spawn(file!, args, { stdio: ["ignore", "pipe", "pipe"] })
  const operations: Array<string> = []
  const images = new Map<string, string>()
  let complaint = ""
  let isReady = false
  child.stderr.on("data", (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  const ready = new Promise<void>((done, fail) => {
    child.once("exit", () => fail(new Error(`the program ended by itself: ${complaint}`)))
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [word, first = "", second = ""] = line.split(" ")
      if (word === "ready") isReady = true
      if (word === "operation") operations.push(first)
      if (word === "image") images.set(first, second)
      const isFar = operations.length >= (options.begun ?? 0) && images.size >= (options.committed ?? 0)
      if (isReady && isFar) done()
    })
  })
  await ready
  await new Promise((done) => setTimeout(done, options.afterMillis))
  child.kill("SIGKILL")
  await ended(child)
  return { operations, images }
}

/** Waits, for a bounded time, until the chains have noticed; what is left then is a survivor. */
export const survivors = async (store: string): Promise<ReadonlyArray<string>> => {
  const operations = Fs.existsSync(`${store}/events`) ? Fs.readdirSync(`${store}/events`) : []
  const end = performance.now() + 10_000
  for (;;) {
    const left = processesOn(store, operations)
    if (left.length === 0 || performance.now() > end) return left
    await new Promise((done) => setTimeout(done, 20))
  }
}

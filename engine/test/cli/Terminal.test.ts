/** The command line in a terminal of its own, made by util-linux' `script`: what is typed is typed, Ctrl-C too. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import * as Local from "../support/LocalEngine.js"
import { makeContreeLocal } from "./Program.js"

const { contreeLocal, program } = makeContreeLocal()

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

interface Screen {
  readonly code: number | null
  readonly text: string
}

/** Ctrl-C is pressed when the screen shows `interrupt`. */
const inTerminal = (
  columns: number,
  args: ReadonlyArray<string>,
  { interrupt, pipe = "" }: { readonly interrupt?: string; readonly pipe?: string } = {}
): Effect.Effect<Screen> =>
  Effect.async((resume) => {
    const words = [process.execPath, program, ...args].map(quoted).join(" ")
    const child = spawn("script", ["-qec", `stty rows 24 cols ${columns}; ${words} ${pipe}`, "/dev/null"], {
      env: { ...process.env, NO_COLOR: "", TERM: "xterm-256color", SHELL: "/bin/sh" },
      stdio: "pipe"
    })
    let text = ""
    let pressed = false
    child.stdin.on("error", () => undefined)
    child.stdout.on("data", (bytes: Buffer) => {
      text += bytes.toString()
      if (interrupt === undefined || pressed || !text.includes(interrupt)) return
      pressed = true
      child.stdin.write("\u0003")
    })
    child.on("close", (code) => resume(Effect.succeed({ code, text })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const escape = "\u001b"

/** the lines without what colours them */
const linesOf = ({ text }: Screen): ReadonlyArray<string> =>
  text.replaceAll(/\u001b\[[0-9;]*[A-Za-z]/g, "").split(/[\r\n]+/).filter((line) => line !== "")

it.scopedLive("Ctrl-C in a terminal cancels the run", () =>
  Effect.gen(function*() {
    const store = yield* Local.storeFolder
    const args = ["run", "--store", store, "busybox", "--", "sh", "-c", "echo begun; sleep 600; echo never"]
    const screen = yield* inTerminal(80, args, { interrupt: "begun\r\n" })
    expect([screen.code, linesOf(screen)]).toEqual([130, ["begun", "^C"]])
    const { out } = yield* contreeLocal(["ps", "--all", "--json", "--store", store])
    expect(JSON.parse(out.toString())).toMatchObject([{ status: "CANCELLED" }])
    expect(Local.traces(store)).toEqual([])
  }))

it.scopedLive("what lists fits the terminal, and has colours there alone", () =>
  Effect.gen(function*() {
    const store = yield* Local.storeFolder
    const script = "echo something > /file; : and more that does not fit into one line of a terminal"
    yield* contreeLocal(["run", "--store", store, "--tag", "an/app:built", "busybox", "--", "sh", "-c", script])
    for (const command of [["images"], ["tree"], ["ps", "--all"]]) {
      const args = [...command, "--store", store]
      const narrow = yield* inTerminal(40, args)
      expect([narrow.code, narrow.text.includes(escape)], command[0]).toEqual([0, true])
      expect(Math.max(...linesOf(narrow).map((line) => line.length)), command[0]).toBeLessThanOrEqual(40)
      expect((yield* inTerminal(40, args, { pipe: "| cat" })).text, command[0]).not.toContain(escape)
    }
  }))

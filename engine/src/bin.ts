#!/usr/bin/env node
/**
 * The command line. Exit codes: 0 all is well, 1 a check failed or the engine could not start, 2 the command line was
 * not understood.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import * as Doctor from "./doctor/Doctor.js"
import * as Serve from "./serve/Serve.js"
import { defaultStore } from "./server/Start.js"

const usage = `contree-local: ConTree sandboxes on this machine

Usage:
  contree-local doctor [--store FOLDER]   can boxes run here? Says what to type when they cannot
  contree-local serve [options]           an engine for any number of programs, until Ctrl-C
  contree-local --help
  contree-local --version

  --store FOLDER   the engine's folder; default $XDG_DATA_HOME/effect-contree, else ~/.local/share/effect-contree

  --host ADDRESS   where serve listens; default 127.0.0.1. Another than a loopback address needs a token of yours
  --port N         its port; default 0, one that is free
  --token TOKEN    what clients must show; default a new one. Others on this machine can read it in the list of
                   processes: better put it in the environment, as CONTREE_TOKEN
  --json           serve prints one line, {"url":...,"token":...,"pid":...}, and nothing else on stdout

Exit codes: 0 all is well, 1 a check failed or the engine could not start, 2 the command line was not understood.
`

const write = (stream: NodeJS.WriteStream, text: string): Effect.Effect<void> =>
  Effect.async((resume) => {
    // whoever reads may have gone (`| head`): then there is nobody to tell
    stream.once("error", () => resume(Effect.void))
    stream.write(text, () => resume(Effect.void))
  })

const version = Effect.sync((): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : ""
})

const misunderstood = (what: string): Effect.Effect<number> =>
  Effect.as(write(process.stderr, `contree-local: ${what}\n\n${usage}`), 2)

const doctor = (args: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.gen(function*() {
    const [option, folder, ...rest] = args
    if (option !== undefined && (option !== "--store" || folder === undefined || rest.length > 0)) {
      return yield* misunderstood(`doctor knows \`--store FOLDER\` only, not \`${args.join(" ")}\``)
    }
    const store = folder === undefined ? yield* defaultStore : resolve(folder)
    const checks = yield* Doctor.check({ store })
    yield* write(process.stdout, Doctor.render(checks))
    return checks.some((check) => check.status === "failed") ? 1 : 0
  })

const main = (args: ReadonlyArray<string>): Effect.Effect<number> => {
  const [command, ...rest] = args
  switch (command) {
    case "doctor":
      return rest.includes("--help") ? Effect.as(write(process.stdout, usage), 0) : doctor(rest)
    case "serve":
      return rest.includes("--help") ? Effect.as(write(process.stdout, usage), 0) : Serve.serve(rest, {
        out: (text) => write(process.stdout, text),
        err: (text) => write(process.stderr, text),
        misunderstood
      })
    case "--help":
    case "-h":
    case "help":
      return Effect.as(write(process.stdout, usage), 0)
    case "--version":
    case "-v":
      return Effect.zipRight(Effect.flatMap(version, (text) => write(process.stdout, `${text}\n`)), Effect.succeed(0))
    case undefined:
      return misunderstood("say what to do")
    default:
      return misunderstood(`there is no command \`${command}\``)
  }
}

// stdout is for what was asked for
const onStderr = Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.stringLogger))

process.exitCode = await Effect.runPromise(Effect.provide(main(process.argv.slice(2)), onStderr))

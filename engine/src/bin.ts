#!/usr/bin/env node
/**
 * The command line. Exit codes: 0 all is well, 1 it failed, 2 the command line was not understood; `run` ends with that
 * of its command.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Main from "./cli/Main.js"

process.exitCode = await Effect.runPromise(Main.main(import.meta.url, process.argv.slice(2)))

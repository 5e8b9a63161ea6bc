/**
 * What every test file begins with.
 *
 * `layer` of @effect/vitest puts its own methods on the `it` that all files of a process share, so each file gets the
 * plain ones back.
 *
 * It lets the event loop go round once after each test. Tests that never wait would otherwise hold it for as long as their
 * file takes, and the runner's own messages, which must be answered within a minute, would time out on a slow machine.
 */
import { it, makeMethods } from "@effect/vitest"
import { afterEach } from "vitest"

makeMethods(it)

// the real one, whatever a test puts in its place
const { setImmediate } = globalThis

afterEach(() => new Promise<void>((resolve) => setImmediate(resolve)))

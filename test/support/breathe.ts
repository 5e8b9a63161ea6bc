/**
 * Lets the event loop go round once after each test. Tests that never wait would otherwise hold it for as long as their
 * file takes, and the runner's own messages, which must be answered within a minute, would time out on a slow machine.
 */
import { afterEach } from "vitest"

// the real one, whatever a test puts in its place
const { setImmediate } = globalThis

afterEach(() => new Promise<void>((resolve) => setImmediate(resolve)))

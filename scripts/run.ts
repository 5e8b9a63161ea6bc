import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

/** The root of the repository, without a slash at its end. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "")

/** What a tool had to say against the code; its output is the message. */
export class ToolFailed extends Error {}

/** Runs a command to its end and gives its output; anything but success is a `ToolFailed` that says what it printed. */
export const run = (command: string, args: ReadonlyArray<string>, cwd: string = root): string => {
  const done = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 1 << 28 })
  if (done.error !== undefined) throw new ToolFailed(`${command}: ${done.error.message}`)
  if (done.status !== 0) {
    const how = done.status === null ? `was killed by ${done.signal}` : `exited with ${done.status}`
    throw new ToolFailed(`${done.stdout}${done.stderr}\n${[command, ...args].join(" ")} ${how}`.trim())
  }
  return done.stdout
}

/** Runs a tool of node_modules, without the detour through npx. */
export const tool = (name: string, ...args: ReadonlyArray<string>): string =>
  run(`${root}/node_modules/.bin/${name}`, args)

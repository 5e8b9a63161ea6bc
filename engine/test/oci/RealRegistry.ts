/** Debian's own registry, filled by skopeo with what umoci made: programs that have nothing to do with ours. */
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"

const tools = ["docker-registry", "skopeo", "umoci"]

/** `.ci/run` installs them, and says that they must be there */
const required = process.env["CONTREE_REQUIRE_REGISTRY"] === "1"

const missing = tools.filter((tool) => spawnSync(tool, ["--version"]).error !== undefined)

/** False, and a line that says so, where the tools are not there. */
export const isThere: boolean = missing.length === 0
if (!isThere) {
  const text = `no ${missing.join(", no ")}: the tests against a real registry need \`apt-get install ${
    tools.join(" ")
  }\``
  if (required) throw new Error(text)
  console.warn(`SKIPPED: ${text}`)
}

export const run = (tool: string, ...args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = spawnSync(tool, args, { encoding: "utf8" })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${tool} ${args.join(" ")}: ${status}\n${stderr}`)
  return stdout
}

export const user = { username: "ada", password: "p4ss-word" }

/** of the password, by bcrypt, as the registry wants it */
const hash = "$2b$04$nQhrZ7zzVBVQfcemQWBr5u8oQZm1XS2tbFpbioFWSekpBWdqmH07m"

export interface Registry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** copies an image of a layout into it */
  readonly push: (layout: string, name: string) => void
}

const config = (folder: string, locked: boolean): string =>
  [
    "version: 0.1",
    "log: { level: info }",
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(`${folder}/data`)} } }`,
    "http: { addr: \"127.0.0.1:0\" }",
    ...(locked ? [`auth: { htpasswd: { realm: contree, path: ${JSON.stringify(`${folder}/htpasswd`)} } }`] : [])
  ].join("\n")

export const start = (folder: string, locked: boolean) =>
  Effect.acquireRelease(
    Effect.async<{ readonly registry: Registry; readonly stop: () => void }>((resume) => {
      Fs.mkdirSync(folder)
      Fs.writeFileSync(join(folder, "htpasswd"), `${user.username}:${hash}\n`)
      Fs.writeFileSync(join(folder, "config.yml"), config(folder, locked))
      const child = spawn("docker-registry", ["serve", join(folder, "config.yml")], {
        stdio: ["ignore", "ignore", "pipe"]
      })
      let text = ""
      child.on("error", (error) => resume(Effect.die(error)))
      child.on("exit", () => resume(Effect.die(new Error(`the registry ended:\n${text}`))))
      child.stderr.on("data", (bytes: Buffer) => {
        text += bytes.toString()
        const host = /listening on (127\.0\.0\.1:\d+)/.exec(text)?.[1]
        if (host === undefined) return
        const credentials = locked ? ["--dest-creds", `${user.username}:${user.password}`] : []
        const push = (layout: string, name: string): void => {
          const to = ["--dest-tls-verify=false", ...credentials, `oci:${layout}`, `docker://${host}/${name}`]
          run("skopeo", "--insecure-policy", "copy", "-q", ...to)
        }
        resume(Effect.succeed({ registry: { host, push }, stop: () => child.kill("SIGKILL") }))
      })
    }),
    ({ stop }) => Effect.sync(stop)
  ).pipe(Effect.map(({ registry }) => registry))

/** One row in a process of its own, with the server in another: what one leaves behind slows none of the others. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Row, Server } from "./Harness.js"

interface Loaded {
  readonly row: Row
  /** one contestant of it, in a process of its own */
  readonly measureAlone?: (contestant: string, url: string, quick: boolean) => Promise<number>
}

export const rows: Readonly<Record<string, () => Promise<Loaded>>> = {
  runs: () => import("./rows/runs.js"),
  sse: () => import("./rows/sse.js"),
  events: () => import("./rows/events.js"),
  cancel: () => import("./rows/cancel.js"),
  import: () => import("./rows/import.js"),
  "first-byte": () => import("./rows/firstByte.js"),
  engine: () => import("./rows/engine.js"),
  transfer: () => import("./rows/transfer.js"),
  streams: () => import("./rows/streams.js"),
  soak: () => import("./rows/soak.js")
}

const option = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)

const startServer = (): Promise<Server & { readonly stop: () => void }> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("./server.js", import.meta.url)), { execArgv: [] })
    child.once("error", reject)
    child.once("message", ({ port }: { port: number }) => {
      const url = `http://127.0.0.1:${port}`
      resolve({
        url,
        ask: async (question) => (await fetch(`${url}/bench/${question}`)).json(),
        stop: () => void child.kill()
      })
    })
  })

const main = async (name: string, quick: boolean): Promise<void> => {
  const load = rows[name]
  if (load === undefined) throw new Error(`no row is called ${name}; there are ${Object.keys(rows).join(", ")}`)
  const contestant = option("alone")
  if (contestant !== undefined) {
    process.send?.(await (await load()).measureAlone?.(contestant, option("url") ?? "", quick))
    return
  }
  const server = await startServer()
  try {
    const { row } = await load()
    const metrics = await row.run({ quick, rounds: quick ? 9 : 15, server })
    process.send?.(metrics)
  } finally {
    server.stop()
  }
}

// Whoever asked is gone.
process.once("disconnect", () => process.exit(1))

await main(process.argv[2] ?? "", process.argv.includes("--quick"))
process.removeAllListeners("disconnect")
process.disconnect()

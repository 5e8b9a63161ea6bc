/** What the server of the benchmarks says, made once. */
import { createHash } from "node:crypto"
import type { ServerResponse } from "node:http"

export const image = "00000000-0000-4000-8000-00000000000a"

const ts = "2026-01-01T00:00:00.000000000Z"

const frame = (id: number, type: string, spid: number, data: object): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ id, ts, type, spid, data })}\n\n`

export const stdout = (id: number, value: string): string => frame(id, "stdout", 1, { value, encoding: "ascii" })

const resources = {
  user_time_us: 1000,
  sys_time_us: 1000,
  max_rss_kb: 1000,
  shared_memory: 0,
  unshared_memory: 0,
  swaps: 0,
  minor_faults: 1,
  major_faults: 0,
  voluntary_ctx_switches: 1,
  involuntary_ctx_switches: 0,
  block_input_ops: 0,
  block_output_ops: 0,
  ipc_msgs_sent: 0,
  ipc_msgs_received: 0,
  signals_received: 0
}

export const begun = frame(0, "init", 0, { started_at: ts, runtime_path: "/run/init", verbose: false, init_pid: 1 }) +
  frame(1, "spawn", 1, {
    pid: 7,
    command: "true",
    args: [],
    shell: false,
    cwd: "/",
    uid: 0,
    gid: 0,
    timeout: 60,
    truncate_at: 1048576
  })

export const ending = (id: number): string =>
  frame(id, "exit", 1, { pid: 7, code: 0, signal: -1, timed_out: false, duration_ms: 2, resources }) +
  frame(id + 1, "completion", 0, { status: "SUCCESS", duration_ms: 3 })

/** the log of a run that prints a word */
export const short = Buffer.from(begun + stdout(2, "hello\n") + ending(3))

/** the log of a run that prints so many lines of 80 bytes, each in an event of its own */
export const long = (lines: number): Buffer => {
  const known = logs.get(lines)
  if (known !== undefined) return known
  const line = `${"x".repeat(79)}\n`
  const parts = [begun]
  for (let id = 2; id < lines + 2; id++) parts.push(stdout(id, line))
  const log = Buffer.from(parts.join("") + ending(lines + 2))
  logs.set(lines, log)
  return log
}
const logs = new Map<number, Buffer>()

const block = Buffer.alloc(65_536)

export interface Blocks {
  readonly length: number
  readonly subarray: (from: number, to: number) => Uint8Array
}

/** a body that takes no room */
export const zeros = (length: number): Blocks => ({
  length,
  subarray: (from, to) => block.subarray(0, Math.min(to, length) - from)
})

/** As fast as it is taken, 64 KiB at a time. */
export const pump = (response: ServerResponse, body: Blocks): void => {
  let at = 0
  const more = (): void => {
    while (at < body.length) {
      const part = body.subarray(at, at + block.length)
      at += block.length
      if (!response.write(part)) return void response.once("drain", more)
    }
    response.end()
  }
  more()
}

const digests = new Map<number, string>()

export const digestOfZeros = (size: number): string => {
  const known = digests.get(size)
  if (known !== undefined) return known
  const hash = createHash("sha256")
  for (let left = size; left > 0; left -= block.length) hash.update(block.subarray(0, Math.min(left, block.length)))
  const digest = hash.digest("hex")
  digests.set(size, digest)
  return digest
}

export const file = (sha256: string): object => ({
  uuid: image,
  sha256,
  size: 1,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z"
})

export const operation = (uuid: string): object => ({
  uuid,
  kind: "instance",
  status: "SUCCESS",
  error: null,
  created_at: "2026-01-01T00:00:00.000000+00:00",
  duration: 0.003,
  image_size: 0,
  consumed_cpu: 0.002,
  consumed_memory: 1000,
  image_uuid: image,
  result_image_uuid: null,
  metadata: {
    command: "true",
    image,
    args: [],
    shell: false,
    disposable: true,
    result: {
      state: { exit_code: 0, signal: -1, pid: 7, timed_out: false, core_dump: false, stopped: false, continued: false },
      stdout: { value: "hello\n", encoding: "ascii" },
      stderr: { value: "", encoding: "ascii" },
      resources: { elapsed_time: 0.002, user_cpu_time: 0.001, system_cpu_time: 0.001, max_rss: 1000, cost: 0 }
    }
  },
  result: { image: null, tag: null }
})

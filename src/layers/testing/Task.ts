/**
 * One process of a sandbox: what it was asked for, what it was given, what it wrote, and how it ended.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as ExitStatus from "../../schemas/ExitStatus.js"
import type * as Wire from "../../schemas/Wire.js"
import { Cut } from "./Cut.js"
import type { Input } from "./Input.js"
import type { Operation } from "./Operation.js"
import type { Call, Piece, Run } from "./Script.js"
import { toBytes } from "./Tree.js"

const defaultTruncateAt = 1_048_576

/** a service measures what the double has none of: -1 */
const unmeasured = {
  user_time_us: -1,
  sys_time_us: -1,
  max_rss_kb: -1,
  shared_memory: -1,
  unshared_memory: -1,
  swaps: -1,
  minor_faults: -1,
  major_faults: -1,
  voluntary_ctx_switches: -1,
  involuntary_ctx_switches: -1,
  block_input_ops: -1,
  block_output_ops: -1,
  ipc_msgs_sent: -1,
  ipc_msgs_received: -1,
  signals_received: -1
}

const toWire = (exit: ExitStatus.ExitStatus | undefined) => ({
  code: exit?._tag === "Exited" ? exit.code : -1,
  signal: exit?._tag === "Signaled" ? exit.signal : exit?._tag === "TimedOut" ? 9 : -1,
  timed_out: exit?._tag === "TimedOut"
})

/** @internal */
export class Task {
  readonly #cuts: { readonly stdout: Cut; readonly stderr: Cut }
  #outcome: Call["outcome"] | undefined

  constructor(
    readonly operation: Operation,
    readonly run: Run,
    readonly input: Input,
    readonly startedAt: number,
    /** the time limit that the process was given; none for a subprocess */
    readonly timeout: Duration.Duration | undefined
  ) {
    const limit = run.request.truncate_output_at ?? defaultTruncateAt
    this.#cuts = { stdout: new Cut(limit), stderr: new Cut(limit) }
  }

  get outcome(): Call["outcome"] | undefined {
    return this.#outcome
  }

  get isOver(): boolean {
    return this.#outcome !== undefined
  }

  #log(now: number, type: string, data: Readonly<Record<string, unknown>>): void {
    this.operation.log.append(now, type, this.run.spid, data)
  }

  begin(now: number): void {
    const { request } = this.run
    this.#log(now, "spawn", {
      pid: this.run.spid,
      command: request.shell === true ? "/bin/sh" : request.command,
      args: request.shell === true ? ["-c", request.command, ...(request.args ?? [])] : request.args ?? [],
      shell: request.shell ?? false,
      cwd: request.cwd ?? "/",
      uid: request.uid ?? 0,
      gid: request.gid ?? 0,
      timeout: this.timeout === undefined ? 0 : Duration.toSeconds(this.timeout),
      truncate_at: this.#cuts.stdout.limit
    })
    this.given(now, this.run.stdin)
  }

  /** input that came */
  given(now: number, bytes: Uint8Array): void {
    for (const payload of new Cut(this.#cuts.stdout.limit).take(bytes)) this.#log(now, "stdin", { ...payload })
  }

  say(now: number, { stderr, stdout }: Piece): void {
    if (this.isOver) return
    for (const [name, content] of [["stdout", stdout], ["stderr", stderr]] as const) {
      if (content === undefined) continue
      for (const payload of this.#cuts[name].take(toBytes(content))) this.#log(now, name, { ...payload })
    }
  }

  /** it has ended: nothing more comes from it */
  end(now: number, outcome: Call["outcome"]): void {
    if (this.isOver) return
    this.#outcome = outcome
    this.input.close()
    for (const name of ["stdout", "stderr"] as const) {
      const { dropped, emitted } = this.#cuts[name]
      if (dropped > 0) this.#log(now, "truncated", { stream: name, bytes_emitted: emitted, bytes_dropped: dropped })
    }
    if (outcome === "Interrupted" || outcome._tag === "Unknown") return
    this.#log(now, "exit", {
      pid: this.run.spid,
      ...toWire(outcome),
      duration_ms: now - this.startedAt,
      resources: unmeasured
    })
  }

  /** -1 for code and signal of a process that goes on */
  result(): Wire.InstanceResult {
    const exit = this.#outcome === "Interrupted" ? undefined : this.#outcome
    const { code, signal, timed_out } = toWire(exit)
    return {
      state: { exit_code: code, signal, pid: this.run.spid, timed_out, core_dump: false },
      stdout: this.#cuts.stdout.repr(),
      stderr: this.#cuts.stderr.repr()
    }
  }

  /** what is on record once it is over */
  toCall(): ReadonlyArray<Call> {
    if (this.#outcome === undefined) return []
    const { input: _, ...run } = this.run
    return [{ ...run, stdin: this.input.bytes(), outcome: this.#outcome }]
  }
}

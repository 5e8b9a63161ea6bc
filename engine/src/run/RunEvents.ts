/**
 * The payloads of a run's events, with the fields that the wire has for them. Protocol: section 4.3.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { readFileSync } from "node:fs"
import { machine, release } from "node:os"
import type { BoxReport, BoxResources } from "../box/BoxReport.js"
import type { CommandSpec } from "../box/BoxSpec.js"
import * as Environment from "./Environment.js"
import type { Writer } from "./EventLog.js"
import type { EventLogError } from "./EventLogError.js"
import type { OutputChunk } from "./OutputCut.js"
import * as OutputCut from "./OutputCut.js"
import type { RunPlan } from "./RunPlan.js"

type Payload = Record<string, unknown>

const textOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** The sandbox begins. */
export const init = (plan: RunPlan, startedAt: string): Payload => {
  const bootId = textOf("/proc/sys/kernel/random/boot_id").trim()
  return {
    started_at: startedAt,
    runtime_path: "contree-local",
    verbose: false,
    init_pid: 1,
    hostname: plan.request.hostname,
    kernel: release(),
    machine: machine(),
    ...(bootId === "" ? {} : { boot_id: bootId })
  }
}

/** The host's interfaces, from the text of `/proc/net/dev`. */
export const network = (text: string = textOf("/proc/net/dev")): Payload => ({
  interfaces: text.split("\n").flatMap((line) => {
    const match = /^\s*([^:\s]+):\s*(.*)$/.exec(line)
    const counts = (match?.[2] ?? "").trim().split(/\s+/).map(Number)
    if (match === null || counts.length < 12 || counts.some(Number.isNaN)) return []
    const [rxBytes, rxPackets, rxErrs, rxDrop] = counts
    const [txBytes, txPackets, txErrs, txDrop] = counts.slice(8)
    return [{
      name: match[1]!,
      rx_bytes: rxBytes,
      rx_packets: rxPackets,
      rx_errs: rxErrs,
      rx_drop: rxDrop,
      tx_bytes: txBytes,
      tx_packets: txPackets,
      tx_errs: txErrs,
      tx_drop: txDrop
    }]
  })
})

/** What an event says of a process that begins. */
export interface Begun {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly shell: boolean
  readonly truncateAt: number
  readonly spec: CommandSpec
  /** 0 where nothing but the end of the run bounds it. */
  readonly timeoutSeconds: number
}

/** A process begins. */
export const spawn = (process: Begun, pid: number): Payload => {
  const { spec } = process
  return {
    pid,
    command: process.shell ? "/bin/sh" : process.command,
    args: process.shell ? ["-c", process.command, ...process.args] : process.args,
    shell: process.shell,
    cwd: spec.cwd === "" ? "/" : spec.cwd,
    uid: spec.uid,
    gid: spec.gid,
    timeout: process.timeoutSeconds,
    truncate_at: process.truncateAt,
    env: Environment.redact(spec.env)
  }
}

/** What a process was given to read, complete, cut like output is. */
export const stdin = (
  process: { readonly firstInput: Uint8Array; readonly truncateAt: number }
): ReadonlyArray<OutputChunk> => OutputCut.make(process.truncateAt).take(process.firstInput)

const resource = (resources: BoxResources | undefined): Payload => ({
  user_time_us: resources?.userTimeUs ?? -1,
  sys_time_us: resources?.sysTimeUs ?? -1,
  max_rss_kb: resources?.maxRssKb ?? -1,
  shared_memory: resources?.sharedMemory ?? -1,
  unshared_memory: resources?.unsharedMemory ?? -1,
  swaps: resources?.swaps ?? -1,
  minor_faults: resources?.minorFaults ?? -1,
  major_faults: resources?.majorFaults ?? -1,
  voluntary_ctx_switches: resources?.voluntaryCtxSwitches ?? -1,
  involuntary_ctx_switches: resources?.involuntaryCtxSwitches ?? -1,
  block_input_ops: resources?.blockInputOps ?? -1,
  block_output_ops: resources?.blockOutputOps ?? -1,
  ipc_msgs_sent: resources?.ipcMsgsSent ?? -1,
  ipc_msgs_received: resources?.ipcMsgsReceived ?? -1,
  signals_received: resources?.signalsReceived ?? -1
})

/** The command ended; -1 for what nobody knows. A command that ran into its timeout has signal 9 and no code. */
export const exit = (report: BoxReport): Payload => ({
  pid: report.pid,
  code: report.timedOut ? -1 : report.code,
  signal: report.timedOut ? 9 : report.signal,
  timed_out: report.timedOut,
  duration_ms: Math.round(report.durationMs),
  resources: resource(Option.getOrUndefined(report.resources)),
  core_dump: report.coreDump
})

/** A stream was cut. */
export const truncated = (stream: "stdout" | "stderr", cut: OutputCut.OutputCut): Payload => ({
  stream,
  bytes_emitted: cut.emitted(),
  bytes_dropped: cut.dropped()
})

/** The events of those streams of a process that were cut. */
export const writeTruncated = (
  writer: Writer,
  spid: number,
  cuts: { readonly stdout: OutputCut.OutputCut; readonly stderr: OutputCut.OutputCut }
): Effect.Effect<void, EventLogError> =>
  Effect.forEach(
    ["stdout", "stderr"] as const,
    (stream) =>
      cuts[stream].dropped() > 0 ? writer.append("truncated", spid, truncated(stream, cuts[stream])) : Effect.void,
    { discard: true }
  )

/** The run wrote more than it may. */
export const sizeCap = (cap: { readonly limitBytes: number; readonly fileSize: number }): Payload => ({
  limit_bytes: cap.limitBytes,
  file_size: cap.fileSize
})

/** The sandbox ends. */
export const shutdown = (stoppedAt: string, reason: string): Payload => ({ stopped_at: stoppedAt, reason })

/** The last one. */
export const completion = (end: {
  readonly status: string
  readonly durationMs: number
  readonly resultImageId?: string | null | undefined
  readonly error?: string | null | undefined
  readonly imageSize?: number | null | undefined
}): Payload => ({
  status: end.status,
  duration_ms: Math.round(end.durationMs),
  ...(end.resultImageId === null || end.resultImageId === undefined ? {} : { result_image_uuid: end.resultImageId }),
  ...(end.error === null || end.error === undefined ? {} : { error: end.error }),
  ...(end.imageSize === null || end.imageSize === undefined ? {} : { image_size_bytes: end.imageSize })
})

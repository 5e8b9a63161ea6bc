/**
 * What a run used, as its status says it; where that is silent, as its last event does.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Event from "../schemas/Event.js"
import type * as Wire from "../schemas/Wire.js"
import type { Resources } from "./RunResult.js"

type Reading = number | null | undefined

/**
 * A number that was measured: -1 stands for one that was not.
 *
 * @internal
 */
export const known = (value: Reading): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0

/**
 * @internal
 */
export const count = (value: Reading): Option.Option<number> => known(value) ? Option.some(value) : Option.none()

/**
 * @internal
 */
export const seconds = (value: Reading): Option.Option<Duration.Duration> =>
  Option.map(count(value), (n) => Duration.seconds(n))

const micros = (value: number): Duration.Duration => Duration.micros(BigInt(Math.round(value)))

const fromStatus = (wire: Wire.InstanceResult["resources"]): Option.Option<Resources> =>
  known(wire?.user_cpu_time) && known(wire.system_cpu_time) && known(wire.max_rss)
    ? Option.some({
      userCpu: Duration.seconds(wire.user_cpu_time),
      systemCpu: Duration.seconds(wire.system_cpu_time),
      maxRss: wire.max_rss,
      elapsed: seconds(wire.elapsed_time),
      monotonic: seconds(wire.monotonic_time),
      pageFaults: count(wire.page_faults),
      pageFaultsIo: count(wire.page_faults_io),
      blockInput: count(wire.block_input),
      blockOutput: count(wire.block_output),
      voluntarySwitches: count(wire.voluntary_switches),
      involuntarySwitches: count(wire.involuntary_switches),
      sharedMemory: count(wire.shared_memory),
      unsharedMemory: count(wire.unshared_memory),
      swaps: count(wire.swaps),
      signals: count(wire.signals)
    })
    : Option.none()

const fromEvent = (event: Event.Payload<"exit"> | undefined): Option.Option<Resources> => {
  const seen = event?.resources
  return known(seen?.user_time_us) && known(seen.sys_time_us) && known(seen.max_rss_kb)
    ? Option.some({
      userCpu: micros(seen.user_time_us),
      systemCpu: micros(seen.sys_time_us),
      maxRss: seen.max_rss_kb,
      elapsed: Option.map(count(event?.duration_ms), (n) => Duration.millis(n)),
      monotonic: Option.none(),
      pageFaults: count(seen.minor_faults),
      pageFaultsIo: count(seen.major_faults),
      blockInput: count(seen.block_input_ops),
      blockOutput: count(seen.block_output_ops),
      voluntarySwitches: count(seen.voluntary_ctx_switches),
      involuntarySwitches: count(seen.involuntary_ctx_switches),
      sharedMemory: count(seen.shared_memory),
      unsharedMemory: count(seen.unshared_memory),
      swaps: count(seen.swaps),
      signals: count(seen.signals_received)
    })
    : Option.none()
}

/**
 * @internal
 */
export const make = (
  result: Wire.InstanceResult | undefined,
  event?: Event.Payload<"exit">
): Option.Option<Resources> => Option.orElse(fromStatus(result?.resources), () => fromEvent(event))

/**
 * What the routes work with.
 *
 * @since 0.1.0
 */
import type { Launcher } from "../box/Box.js"
import type { EventLog } from "../run/EventLog.js"
import type { Importer } from "../run/Importer.js"
import type { Runner } from "../run/Runner.js"
import type { OperationRow } from "../store/OperationStore.js"
import type { Store } from "../store/Store.js"

/**
 * An engine that is ready to be asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Engine {
  readonly store: Store
  readonly launcher: Launcher
  readonly runner: Runner
  readonly importer: Importer
  readonly log: EventLog
  readonly concurrency: number
  readonly maxUploadBytes: number
  /** how often a stream of events that has nothing to say shows that it lives */
  readonly keepAliveMillis: number
  /** for requests that are silent about it */
  readonly network: "host" | "none"
}

/**
 * A row as it is known to whoever runs the operation: one that ended while the store could not take that down has ended
 * all the same.
 *
 * @since 0.1.0
 * @category conversions
 */
export const known = ({ importer, runner }: Engine, row: OperationRow): OperationRow =>
  importer.known(runner.known(row))

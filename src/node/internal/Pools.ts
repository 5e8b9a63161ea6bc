/** A pool of connections for each origin, made when it is first asked for. */
import { buildConnector, errors, Pool } from "undici"
import { GatedClient } from "./Gate.js"

export interface Limits {
  /** to one origin; `null` is no bound */
  readonly connections: number | null
  /** in milliseconds */
  readonly connectTimeout: number
}

const poolOf = (origin: string, { connectTimeout, connections }: Limits): Pool => {
  const connect = buildConnector({ timeout: connectTimeout })
  return new Pool(origin, {
    connections,
    pipelining: 1,
    // How long a server may be silent is for the SDK to say, and for a run's output it may be hours.
    headersTimeout: 0,
    bodyTimeout: 0,
    factory: (to, options) => new GatedClient(to, options, connect)
  })
}

export class Pools {
  private readonly pools = new Map<string, Pool>()
  private isDestroyed = false

  constructor(private readonly limits: Limits) {}

  of(origin: string): Pool {
    if (this.isDestroyed) throw new errors.ClientDestroyedError()
    const known = this.pools.get(origin)
    if (known !== undefined) return known
    const pool = poolOf(origin, this.limits)
    this.pools.set(origin, pool)
    return pool
  }

  /** All that is under way fails. */
  async destroy(): Promise<void> {
    this.isDestroyed = true
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()))
    this.pools.clear()
  }
}

/** A pool of connections for each origin, made when it is first asked for. */
import { Socket } from "node:net"
import { buildConnector, errors, Pool } from "undici"
import { GatedClient } from "./Gate.js"

export interface Limits {
  /** to one origin; `null` is no bound */
  readonly connections: number | null
  /** in milliseconds */
  readonly connectTimeout: number
}

/** Connections being made. undici, destroyed, waits for them, as long as making one may take. */
class Connecting {
  private readonly sockets = new Set<Socket>()
  private readonly make: buildConnector.connector

  constructor(timeout: number) {
    this.make = buildConnector({ timeout })
  }

  readonly connect: buildConnector.connector = (to, callback) => {
    // The types do not say that undici gives the socket back.
    const socket: unknown = this.make(to, (...made) => {
      if (socket instanceof Socket) this.sockets.delete(socket)
      callback(...made)
    })
    if (socket instanceof Socket) this.sockets.add(socket)
  }

  /** With an error: without one they would end in silence, and their clocks run on. */
  destroy(): void {
    for (const socket of this.sockets) socket.destroy(new errors.ClientDestroyedError())
  }
}

const poolOf = (origin: string, { connections }: Limits, { connect }: Connecting): Pool =>
  new Pool(origin, {
    connections,
    pipelining: 1,
    // How long a server may be silent is for the SDK to say, and for a run's output it may be hours.
    headersTimeout: 0,
    bodyTimeout: 0,
    factory: (to, options) => new GatedClient(to, options, connect)
  })

export class Pools {
  private readonly pools = new Map<string, Pool>()
  private readonly connecting: Connecting
  private isDestroyed = false

  constructor(private readonly limits: Limits) {
    this.connecting = new Connecting(limits.connectTimeout)
  }

  of(origin: string): Pool {
    if (this.isDestroyed) throw new errors.ClientDestroyedError()
    const known = this.pools.get(origin)
    if (known !== undefined) return known
    const pool = poolOf(origin, this.limits, this.connecting)
    this.pools.set(origin, pool)
    return pool
  }

  /** All that is under way fails. */
  async destroy(): Promise<void> {
    this.isDestroyed = true
    const destroyed = [...this.pools.values()].map((pool) => pool.destroy())
    this.connecting.destroy()
    await Promise.all(destroyed)
    this.pools.clear()
  }
}

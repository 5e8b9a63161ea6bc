/**
 * Back-pressure at the socket.
 *
 * undici's own way, to pause its parser, ends in a failed assertion outside of any promise, and with it the process,
 * when the other side closes a connection whose parser is paused (`Connection: close`; undici 7.30). So nothing here
 * ever pauses the parser: while a gate is shut, the socket gives it nothing to parse.
 *
 * This leans on how undici reads its sockets. It was seen with 7.30.2; with 7.16.0 a body in pieces whose connection
 * ends in the middle passes for a whole one, hence the range in package.json.
 */
import type { Socket } from "node:net"
import { type buildConnector, Client, type Dispatcher } from "undici"

/** Whether what a socket received may be read. */
export class Gate {
  private socket: Socket | undefined
  private isShut = false

  /** From now on the gate is this socket's. Asking for nothing (`read(0)`) is how Node itself keeps a socket going. */
  attach(socket: Socket): void {
    const read = socket.read.bind(socket)
    socket.read = (size?: number): unknown => this.isShut && size !== 0 ? null : read(size)
    this.socket = socket
    this.isShut = false
  }

  /** Why the connection is over, if it broke. The parser may not see it: a body without a length ends, for it. */
  get error(): Error | null {
    return this.socket?.errored ?? null
  }

  get hasEnded(): boolean {
    return this.socket?.readableEnded === true
  }

  shut(): void {
    this.isShut = true
  }

  /** Not at once: it may be the parser that runs now, and it cannot begin anew in the middle. */
  open(): void {
    if (!this.isShut) return
    this.isShut = false
    queueMicrotask(() => {
      if (!this.isShut && this.socket?.destroyed === false) this.socket.emit("readable")
    })
  }
}

/** Requests that want to know through which gate their answer comes. */
export interface Options extends Dispatcher.DispatchOptions {
  readonly onGate: (gate: Gate) => void
}

const isGated = (options: Dispatcher.DispatchOptions): options is Options => "onGate" in options

/** One connection at a time, and its gate. */
export class GatedClient extends Client {
  constructor(origin: URL, options: Client.Options, connect: buildConnector.connector, readonly gate = new Gate()) {
    super(origin, {
      ...options,
      connect: (to, callback) =>
        connect(to, (...[error, socket]) => {
          if (error !== null) return callback(error, null)
          gate.attach(socket)
          callback(null, socket)
        })
    })
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (isGated(options)) options.onGate(this.gate)
    return super.dispatch(options, handler)
  }
}

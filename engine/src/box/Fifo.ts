/**
 * The engine's ends of a box's pipes. Reading is one piece at a time: until the next is asked for the pipe stays full and
 * the command waits.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { constants, openSync } from "node:fs"
import * as Net from "node:net"

/** A pipe to read from. */
export interface FifoReader {
  /** The next piece, `undefined` at the end. One caller at a time. */
  readonly next: Effect.Effect<Uint8Array | undefined>
  readonly close: () => void
}

const pieceBytes = 65_536

/** Opens for reading, at once: needs no writer. Throws what `node:fs` throws. */
export const openReader = (path: string): FifoReader => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const state: { pending?: Uint8Array; waiter?: (piece: Uint8Array | undefined) => void; ended: boolean } = {
    ended: false
  }
  let socket: Net.Socket | undefined
  const take = (piece: Uint8Array | undefined): void => {
    const waiter = state.waiter
    delete state.waiter
    if (waiter !== undefined) waiter(piece)
    else if (piece !== undefined) state.pending = piece
  }
  // only now: libuv reads as soon as the socket exists, and without a writer that would be the end of the stream
  const open = (): Net.Socket => {
    // Node's documentation has `onread` here, its types do not
    const options: Net.SocketConstructorOpts & { readonly onread: Net.OnReadOpts } = {
      fd,
      readable: true,
      writable: false,
      onread: {
        buffer: Buffer.allocUnsafe(pieceBytes),
        callback: (length, buffer) => {
          take(Uint8Array.prototype.slice.call(buffer, 0, length))
          return false
        }
      }
    }
    const created = new Net.Socket(options)
    // a read error on a pipe is its end as far as anybody can tell; `close` follows
    created.on("error", () => {})
    created.on("close", () => {
      state.ended = true
      take(undefined)
    })
    return created
  }
  return {
    next: Effect.async((resume) => {
      const pending = state.pending
      if (pending !== undefined) {
        delete state.pending
        return resume(Effect.succeed(pending))
      }
      if (state.ended) return resume(Effect.succeed(undefined))
      state.waiter = (piece) => resume(Effect.succeed(piece))
      if (socket === undefined) socket = open()
      else socket.resume()
      return Effect.sync(() => {
        delete state.waiter
      })
    }),
    close: () => {
      if (socket === undefined) socket = open()
      socket.destroy()
    }
  }
}

/** The other side of a pipe is gone. */
export class FifoError extends Data.TaggedError("FifoError")<{ readonly message: string }> {}

/** A pipe to write to. */
export interface FifoWriter {
  /** Done when the pipe took all of it; fails when there is no reader any more or it was closed. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, FifoError>
  readonly end: Effect.Effect<void>
  readonly close: () => void
}

/** Opens for writing: needs a reader. Throws what `node:fs` throws. */
export const openWriter = (path: string): FifoWriter => {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  const socket = new Net.Socket({ fd, readable: false, writable: true })
  socket.on("error", () => {})
  return {
    write: (bytes) =>
      Effect.async((resume) => {
        if (!socket.writable) return resume(Effect.fail(new FifoError({ message: "the command's input is closed" })))
        const closed = (): void =>
          resume(Effect.fail(new FifoError({ message: "the command does not read its input any more" })))
        socket.once("close", closed)
        socket.write(bytes, (error) => {
          socket.off("close", closed)
          resume(
            error === undefined || error === null ? Effect.void : Effect.fail(new FifoError({ message: error.message }))
          )
        })
        return Effect.sync(() => {
          socket.off("close", closed)
        })
      }),
    end: Effect.async((resume) => {
      if (socket.destroyed) return resume(Effect.void)
      socket.once("close", () => resume(Effect.void))
      socket.end(() => socket.destroy())
    }),
    close: () => {
      socket.destroy()
    }
  }
}

/**
 * The engine's ends of a box's pipes. Reading is one piece at a time: until the next is asked for the pipe stays full and
 * the command waits.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { constants, openSync, readSync } from "node:fs"
import * as Net from "node:net"

/** A pipe to read from. */
export interface FifoReader {
  /** The next piece, `undefined` at the end. One caller at a time. */
  readonly next: Effect.Effect<Uint8Array | undefined>
  /**
   * What the pipe holds now is the last that `next` gives. Whatever is written later is read and dropped: who writes it is
   * not to be killed by a pipe without a reader.
   */
  readonly finish: () => void
  /** Nobody has it open for writing any more, or it was closed here. */
  readonly gone: Promise<void>
  readonly close: () => void
}

const pieceBytes = 65_536
// the most that a pipe can hold; a writer that goes on must not be read for ever
const maxPipeBytes = 1_048_576 + pieceBytes

/** What is there, without waiting for more. */
const readNow = (fd: number): Array<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  const buffer = Buffer.allocUnsafe(pieceBytes)
  try {
    for (let size = 0; size < maxPipeBytes;) {
      const length = readSync(fd, buffer, 0, pieceBytes, null)
      if (length === 0) break
      pieces.push(Uint8Array.prototype.slice.call(buffer, 0, length))
      size += length
    }
  } catch {
    // EAGAIN: that was all
  }
  return pieces
}

/** Opens for reading, at once: needs no writer. Throws what `node:fs` throws. */
export const openReader = (path: string): FifoReader => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const ready: Array<Uint8Array> = []
  let waiter: ((piece: Uint8Array | undefined) => void) | undefined
  let ended = false
  let finished = false
  let socket: Net.Socket | undefined
  let tellGone = (): void => {}
  const gone = new Promise<void>((resolve) => {
    tellGone = resolve
  })
  const serve = (): void => {
    if (waiter === undefined || (ready.length === 0 && !ended && !finished)) return
    const resume = waiter
    waiter = undefined
    resume(ready.shift())
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
          if (finished) return true
          ready.push(Uint8Array.prototype.slice.call(buffer, 0, length))
          serve()
          return false
        }
      }
    }
    const created = new Net.Socket(options)
    // a read error on a pipe is its end as far as anybody can tell; `close` follows
    created.on("error", () => {})
    created.on("close", () => {
      ended = true
      serve()
      tellGone()
    })
    return created
  }
  const flow = (): void => {
    if (socket === undefined) socket = open()
    else socket.resume()
  }
  return {
    gone,
    next: Effect.async((resume) => {
      if (ready.length > 0 || ended || finished) return resume(Effect.succeed(ready.shift()))
      waiter = (piece) => resume(Effect.succeed(piece))
      flow()
      return Effect.sync(() => {
        waiter = undefined
      })
    }),
    finish: () => {
      if (ended || finished) return
      // Closed, though it was not told yet: its number may be another file's by now, the log's for one.
      if (socket?.destroyed !== true) ready.push(...readNow(fd))
      finished = true
      serve()
      flow()
    },
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

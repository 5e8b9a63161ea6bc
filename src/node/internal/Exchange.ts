/**
 * One request and what comes back, as undici reports it. What was received waits here until somebody takes it; above
 * `highWaterMark` the gate is shut.
 */
import type { Dispatcher } from "undici"
import type { Gate } from "./Gate.js"

/** in bytes: eight reads of a socket; more would be faster, and take that much more memory */
const highWaterMark = 512 * 1024

/** in bytes; whoever sends so many at once sends more, and nobody waits for the first of them alone */
const bulk = 16 * 1024

type Controller = Dispatcher.DispatchController
type IncomingHeaders = NonNullable<Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2]>

/** The beginning of an answer. */
export interface Head {
  readonly status: number
  readonly headers: IncomingHeaders
}

/** Who waits for an answer to begin. */
export interface Listener {
  readonly onHead: (head: Head) => void
  /** there will be no answer */
  readonly onFailure: (cause: unknown) => void
  /** nothing more will be sent or received: once, whatever the end */
  readonly onFinish: () => void
}

export class Exchange implements Dispatcher.DispatchHandler {
  private controller: Controller | undefined
  private gate: Gate | undefined
  private parts: Array<Uint8Array> = []
  private size = 0
  private hasHead = false
  private isAborted = false
  private isWaking = false
  /** somebody wants the whole: there is no use in stopping the sender */
  private isCollecting = false
  /** no more comes: because that was all, or because of `failure` */
  isOver = false
  failure: { readonly cause: unknown } | undefined
  private waiters: ReadonlyArray<() => void> = []

  constructor(private readonly listener: Listener) {}

  readonly onGate = (gate: Gate): void => {
    this.gate = gate
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller
    if (this.isAborted) controller.abort(aborted())
  }

  onResponseStart(_: Controller, status: number, headers: IncomingHeaders): void {
    // "100 Continue" and its like come before the answer.
    if (status < 200) return
    this.hasHead = true
    this.listener.onHead({ status, headers })
  }

  onResponseData(_: Controller, chunk: Uint8Array): void {
    if (this.isAborted) return
    this.parts.push(chunk)
    this.size += chunk.length
    if (this.isCollecting) return
    if (this.size >= highWaterMark) this.gate?.shut()
    if (chunk.length < bulk) this.wake()
    else this.wakeSoon()
  }

  onResponseEnd(): void {
    const error = this.gate?.error ?? null
    this.finish(error === null ? undefined : { cause: error })
  }

  onResponseError(_: Controller, cause: Error): void {
    this.finish({ cause: broken(cause, this.gate) })
  }

  /** Gives the connection up, in the middle of whatever goes on. */
  abort(): void {
    if (this.isOver || this.isAborted) return
    this.isAborted = true
    this.parts = []
    this.controller?.abort(aborted())
    this.finish({ cause: aborted() })
  }

  /** What came since the last time. */
  take(): Array<Uint8Array> {
    const taken = this.parts
    this.parts = []
    this.size = 0
    this.gate?.open()
    return taken
  }

  get isEmpty(): boolean {
    return this.parts.length === 0
  }

  collect(): void {
    this.isCollecting = true
    this.gate?.open()
  }

  /** `wake` is called once: when there is something to take, or no more comes; when all is wanted, at the end only. */
  wait(wake: () => void): void {
    this.waiters = [...this.waiters, wake]
  }

  forget(wake: () => void): void {
    this.waiters = this.waiters.filter((waiter) => waiter !== wake)
  }

  /** Once for all that the socket has now: to wake the reader costs more than to receive a chunk. */
  private wakeSoon(): void {
    if (this.isWaking) return
    this.isWaking = true
    setImmediate(() => {
      this.isWaking = false
      // Meanwhile somebody may have come who waits for the end.
      if (!this.isCollecting) this.wake()
    })
  }

  private wake(): void {
    const woken = this.waiters
    this.waiters = []
    for (const wake of woken) wake()
  }

  private finish(failure: { readonly cause: unknown } | undefined): void {
    if (this.isOver) return
    this.isOver = true
    this.failure = failure
    // The next request's bytes are none of ours to hold back.
    this.gate?.open()
    this.gate = undefined
    this.controller = undefined
    this.listener.onFinish()
    if (failure !== undefined && !this.hasHead) this.listener.onFailure(failure.cause)
    this.wake()
  }
}

const codeOf = (error: Error): unknown => "code" in error ? error.code : undefined

/** Says what became of the connection: its code is what one who asks again goes by. */
const namesConnection = (error: Error): boolean =>
  typeof codeOf(error) === "string" && codeOf(error) !== "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"

/** Of a body whose connection is over too early undici says that its length is wrong, or that it is no HTTP. */
const broken = (cause: Error, gate: Gate | undefined): Error => {
  if (gate === undefined || namesConnection(cause)) return cause
  if (gate.error !== null && namesConnection(gate.error)) return gate.error
  if (!gate.hasEnded) return cause
  return Object.assign(new Error("the connection ended before the answer did", { cause }), { code: "UND_ERR_SOCKET" })
}

const aborted = (): Error => Object.assign(new Error("the request was given up"), { code: "UND_ERR_ABORTED" })

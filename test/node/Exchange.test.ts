import { describe, expect, it } from "@effect/vitest"
import { setImmediate } from "node:timers/promises"
import { Exchange } from "../../src/node/internal/Exchange.js"
import { Gate } from "../../src/node/internal/Gate.js"
import { controller } from "../support/controller.js"

class Doors extends Gate {
  isOpen = true
  override shut(): void {
    this.isOpen = false
  }
  override open(): void {
    this.isOpen = true
  }
}

/** an exchange, and all that it says */
const told = () => {
  const log: Array<string> = []
  const exchange = new Exchange({
    onHead: ({ status }) => void log.push(`head ${status}`),
    onFailure: () => void log.push("failure"),
    onFinish: () => void log.push("finish")
  })
  const gate = new Doors()
  exchange.onGate(gate)
  return { controller: controller(() => void log.push("abort")), exchange, gate, log }
}

const much = new Uint8Array(512 * 1024)

describe("an exchange", () => {
  it("that was given up before it began is broken off when it does", () => {
    const { controller, exchange, log } = told()
    exchange.abort()
    expect(log).toEqual(["finish", "failure"])
    exchange.onRequestStart(controller)
    expect(log).toEqual(["finish", "failure", "abort"])
  })

  it("is given up once, keeps nothing, and takes nothing more", () => {
    const { controller, exchange, log } = told()
    exchange.onRequestStart(controller)
    exchange.onResponseStart(controller, 200, {})
    exchange.onResponseData(controller, new Uint8Array(1))
    exchange.abort()
    exchange.abort()
    expect(exchange.isEmpty).toBe(true)
    exchange.onResponseData(controller, new Uint8Array(1))
    exchange.onResponseError(controller, new Error("too late"))
    expect(exchange.isEmpty).toBe(true)
    expect(log).toEqual(["head 200", "abort", "finish"])
  })

  it("has one answer, whatever is said before it", () => {
    const { controller, exchange, log } = told()
    exchange.onRequestStart(controller)
    exchange.onResponseStart(controller, 103, {})
    exchange.onResponseStart(controller, 200, {})
    expect(log).toEqual(["head 200"])
  })

  it("holds the sender back until somebody takes, and no next request when it is over", () => {
    const { controller, exchange, gate } = told()
    exchange.onRequestStart(controller)
    exchange.onResponseData(controller, much.subarray(1))
    expect(gate.isOpen).toBe(true)
    exchange.onResponseData(controller, much.subarray(0, 1))
    expect(gate.isOpen).toBe(false)
    expect(exchange.take()).toHaveLength(2)
    expect(gate.isOpen).toBe(true)
    exchange.onResponseData(controller, much.subarray(1))
    expect(gate.isOpen).toBe(true)
    exchange.onResponseData(controller, much)
    expect(gate.isOpen).toBe(false)
    exchange.onResponseEnd()
    expect(gate.isOpen).toBe(true)
    gate.shut()
    exchange.take()
    expect(gate.isOpen).toBe(false)
  })

  it("holds nobody back, and wakes nobody before the end, where the whole is wanted", () => {
    const { controller, exchange, gate } = told()
    let woken = 0
    exchange.onRequestStart(controller)
    exchange.onResponseData(controller, much)
    expect(gate.isOpen).toBe(false)
    exchange.collect()
    expect(gate.isOpen).toBe(true)
    exchange.wait(() => woken++)
    exchange.onResponseData(controller, new Uint8Array(3))
    exchange.onResponseData(controller, much)
    expect([gate.isOpen, woken]).toEqual([true, 0])
    exchange.onResponseEnd()
    expect(woken).toBe(1)
  })

  it("wakes who waits, once, and not who has gone", () => {
    const { controller, exchange } = told()
    const woken: Array<string> = []
    const gone = () => void woken.push("gone")
    exchange.onRequestStart(controller)
    exchange.wait(() => woken.push("here"))
    exchange.wait(gone)
    exchange.forget(gone)
    exchange.onResponseData(controller, new Uint8Array(1))
    exchange.onResponseData(controller, new Uint8Array(1))
    expect(woken).toEqual(["here"])
  })

  it("tells of bulk once for all that the socket has, each time; who came for the end meanwhile sleeps on", async () => {
    const { controller, exchange } = told()
    const woken: Array<string> = []
    exchange.onRequestStart(controller)
    for (const turn of ["first", "second"]) {
      exchange.wait(() => woken.push(turn))
      exchange.onResponseData(controller, much)
      exchange.onResponseData(controller, much)
      expect(woken).not.toContain(turn)
      await setImmediate()
      expect(woken).toContain(turn)
    }
    exchange.onResponseData(controller, much)
    exchange.collect()
    exchange.wait(() => woken.push("end"))
    await setImmediate()
    expect(woken).toEqual(["first", "second"])
    exchange.onResponseEnd()
    expect(woken).toEqual(["first", "second", "end"])
  })
})

import { describe, expect, it } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Exit, FastCheck, Schema } from "effect"
import { inspect } from "node:util"
import * as Errors from "../../src/schemas/Errors.js"
import * as Ids from "../../src/schemas/Ids.js"
import { anyText } from "./anyText.js"

const operationId = Ids.OperationId.make("3f2504e0-4f89-11d3-9a0c-0305e82c3301")
const exit = { _tag: "Exited", code: 3 } as const

/** One of each; the type makes the list complete. */
const least: { readonly [T in Errors.ContreeError["_tag"]]: Extract<Errors.ContreeError, { readonly _tag: T }> } = {
  BadRequestError: new Errors.BadRequestError({ method: "m" }),
  UnauthorizedError: new Errors.UnauthorizedError({ method: "m" }),
  ForbiddenError: new Errors.ForbiddenError({ method: "m" }),
  NotFoundError: new Errors.NotFoundError({ method: "m" }),
  ConflictError: new Errors.ConflictError({ method: "m" }),
  GoneError: new Errors.GoneError({ method: "m" }),
  UnprocessableError: new Errors.UnprocessableError({ method: "m" }),
  TooEarlyError: new Errors.TooEarlyError({ method: "m" }),
  RateLimitedError: new Errors.RateLimitedError({ method: "m" }),
  ServerError: new Errors.ServerError({ method: "m" }),
  UnexpectedStatusError: new Errors.UnexpectedStatusError({ method: "m" }),
  TransportError: new Errors.TransportError({ method: "m" }),
  DecodeError: new Errors.DecodeError({ method: "m" }),
  EventStreamError: new Errors.EventStreamError({ method: "m", operationId }),
  FailedOperationError: new Errors.FailedOperationError({ method: "m", operationId }),
  CancelledOperationError: new Errors.CancelledOperationError({ method: "m", operationId }),
  OperationTimedOutError: new Errors.OperationTimedOutError({ method: "m", operationId }),
  OutputTruncatedError: new Errors.OutputTruncatedError({
    method: "m",
    operationId,
    stream: "stdout",
    bytesEmitted: 10,
    bytesDropped: 5
  }),
  CommandFailedError: new Errors.CommandFailedError({ method: "m", operationId, exit, stdoutTail: "", stderrTail: "" }),
  DisposableImageRunError: new Errors.DisposableImageRunError({ method: "m" }),
  InvalidReferenceError: new Errors.InvalidReferenceError({ method: "m", reference: "R" }),
  InvalidArgumentError: new Errors.InvalidArgumentError({ method: "m", argument: "cwd" }),
  ConfigurationError: new Errors.ConfigurationError({ method: "m", tried: ["CONTREE_TOKEN", "profile x"] })
}
const all: ReadonlyArray<Errors.ContreeError> = Object.values(least)
const classes = [
  ["NotFoundError", Errors.NotFoundError],
  ["TransportError", Errors.TransportError],
  ["FailedOperationError", Errors.FailedOperationError],
  ["OutputTruncatedError", Errors.OutputTruncatedError],
  ["CommandFailedError", Errors.CommandFailedError],
  ["InvalidReferenceError", Errors.InvalidReferenceError],
  ["ConfigurationError", Errors.ConfigurationError]
] as const

describe("every error", () => {
  it.each(all.map((e) => [e._tag, e] as const))("%s is one of ours, with one line and one hint", (tag, e) => {
    expect(Errors.isContreeError(e)).toBe(true)
    expect(e.name).toBe(tag)
    expect(e.retryable).toBe(false)
    expect(e.message).toMatch(/^m: \S[^\n]+[^\s;:]$/)
    expect(Errors.hint(e)).toMatch(/^\S[^\n]{5,150}[^\s.]$/)
  })

  it.each(Object.entries(Errors).filter(([name]) => name.endsWith("Error") && !name.startsWith("is")))(
    "%s is in the union",
    (name) => {
      expect(least).toHaveProperty(name)
    }
  )

  it("is told from another's error of the same name", () => {
    for (const other of [{ _tag: "NotFoundError" }, new Error("x"), null, "NotFoundError"]) {
      expect(Errors.isContreeError(other)).toBe(false)
    }
  })

  it("is worth another try only where that is sure", () => {
    const of = (retryable: boolean | "unknown") =>
      Errors.isRetryable(new Errors.ServerError({ method: "m", retryable }))
    expect([of(true), of(false), of("unknown")]).toEqual([true, false, false])
  })

  it("fails an Effect as itself, and reads well in every form", () => {
    const e = new Errors.NotFoundError({
      method: "Images.use",
      status: 404,
      requestId: "req-1",
      description: "no tag x"
    })
    const failed = Effect.runSyncExit(e)
    expect(failed).toEqual(Exit.fail(e))
    const cause = Exit.isFailure(failed) ? Cause.pretty(failed.cause) : ""
    for (const form of [String(e), inspect(e), cause]) {
      expect(form).toContain("Images.use: not found (status 404) [request req-1]: no tag x; check the name")
    }
  })
})

describe("an error as JSON", () => {
  it.each<[string, Schema.Schema.AnyNoContext]>(classes.map(([tag, schema]) => [tag, schema]))(
    "%s comes back",
    (tag, schema) => {
      FastCheck.assert(
        FastCheck.property(Arbitrary.make(schema), (e) => {
          const json = JSON.parse(JSON.stringify(Schema.encodeSync(schema)(e)))
          // A wait without end is no wait that JSON can write.
          FastCheck.pre(json.retryAfterMillis !== null)
          expect(json._tag).toBe(tag)
          const again = Schema.decodeUnknownSync(schema)(json)
          expect(Errors.isContreeError(again)).toBe(true)
          expect(JSON.parse(JSON.stringify(Schema.encodeSync(schema)(again)))).toEqual(json)
          expect(again.message).toBe(e.message)
        }),
        { numRuns: 25 }
      )
    }
  )
})

describe("the message", () => {
  it("stays one line, whatever the server, the caller or the reference bring", () => {
    FastCheck.assert(FastCheck.property(anyText, (text) => {
      for (
        const e of [
          new Errors.ServerError({ method: "m", description: text, requestId: text }),
          new Errors.InvalidReferenceError({ method: "m", reference: text, description: text }),
          new Errors.InvalidArgumentError({ method: "m", argument: text, description: text }),
          new Errors.ConfigurationError({ method: "m", tried: [text] }),
          new Errors.FailedOperationError({ method: "m", operationId, description: text })
        ]
      ) expect(e.message).not.toMatch(/[\p{Cc}\u2028\u2029]/u)
    }))
    const page = `<html>\r\n\u001b[31m${"x".repeat(1e6)}`
    const { description, message } = new Errors.ServerError({ method: "m", description: page })
    expect(message.length).toBeLessThan(1000)
    expect(message).toMatch(/<html> \[31mx+\.\.\.|<html> \[31mx+; /)
    expect(description).toBe(page)
  })

  it("ends with the last words of the command", () => {
    const of = (stdoutTail: string, stderrTail: string) =>
      new Errors.CommandFailedError({ method: "m", operationId, exit, stdoutTail, stderrTail }).message
    expect(of("out\n", "a\nb\n")).toMatch(/it exited with code 3; its last output:\na\nb$/)
    expect(of("out\n", " \n")).toMatch(/:\nout$/)
    expect(of("", "")).toMatch(/it exited with code 3$/)
    const kept = new Errors.FailedOperationError({
      method: "m",
      operationId,
      exit: { _tag: "TimedOut" },
      stderrTail: "x"
    })
    expect(kept.message).toMatch(/time was over.*\nx$/)
  })

  it("never says to try again what the server cannot do", () => {
    for (const status of [501, 505]) {
      const error = new Errors.ServerError({ method: "m", status, description: "no subprocesses" })
      expect(error.message).toBe(
        `m: this server does not offer it (status ${status}): no subprocesses; do without it, or use a server that has it`
      )
      expect(Errors.hint(error)).not.toContain("try again")
    }
    expect(new Errors.ServerError({ method: "m", status: 503 }).message).toContain("try again")
  })

  it("blames no server for what the SDK refused", () => {
    expect(least.BadRequestError.message).toMatch(/^m: the SDK refused the request;/)
    expect(new Errors.BadRequestError({ method: "m", status: 400 }).message).toMatch(/^m: the server refused .*400/)
  })

  it("names what was given, lost or tried", () => {
    expect(least.InvalidReferenceError.message).toBe(
      "m: \"R\" names no image; write an image id, tag:NAME, or [registry/]name[:tag][@digest]"
    )
    expect(least.InvalidArgumentError.message).toBe("m: cwd cannot be used; nothing was sent")
    expect(least.ConfigurationError.message).toContain("CONTREE_TOKEN, profile x")
    expect(least.OutputTruncatedError.message).toMatch(/stdout the first 10 bytes are there, 5 are lost/)
  })
})

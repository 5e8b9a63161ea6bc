import { expect, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import * as Fs from "node:fs"
import * as Local from "../support/LocalEngine.js"

it.scopedLive("what the machine did to a run is told without paths of the host, which the log has", () => {
  const logged: Array<string> = []
  const logger = Logger.make(({ message }) => void logged.push(String(message)))
  return Effect.gen(function*() {
    const store = `${yield* Local.storeFolder}/my store`
    const engine = yield* Local.startOn(store)
    yield* Effect.promise(async () => {
      const file = (await engine.call("POST", "/v1/files", { body: new Uint8Array(10) })).json.uuid
      for (const name of Fs.readdirSync(`${store}/files`)) Fs.rmSync(`${store}/files/${name}`)
      const id = await engine.spawn({ command: "true", files: { "/f": { uuid: file } } })
      const events = Local.eventsOf((await engine.call("GET", `/v1/operations/${id}/events?follow=1`)).text)
      const { error, status } = (await engine.call("GET", `/v1/operations/${id}`)).json
      expect([status, error]).toEqual(["FAILED", expect.stringMatching(/^StartFailed: preparing the run.*ENOENT/)])
      expect(error).not.toMatch(/my store|\/var|\/tmp\/contree/)
      expect(events.at(-1)).toMatchObject({ type: "completion", data: { error } })
      expect(logged.filter((line) => line.includes(`operation ${id} failed`) && line.includes(store))).toHaveLength(1)
    })
  }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
})

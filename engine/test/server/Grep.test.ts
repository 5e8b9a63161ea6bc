import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Http from "node:http"
import { eventually } from "../box/BoxFixture.js"
import { busyOn, LocalEngine, promise } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"

const nowhere = "01234567-89ab-4def-8123-456789abcdef"

const withEngine = (use: (engine: Local.Engine) => Promise<void>) =>
  Effect.flatMap(LocalEngine, (engine) => promise(() => use(engine)))

const imageOf = async (engine: Local.Engine, script: string): Promise<string> =>
  (await engine.run({ command: script, shell: true })).result_image_uuid

const shown = (answer: Local.Answer): ReadonlyArray<string> =>
  answer.json.matches.map((match: Local.Json) => `${match.path}:${match.line_number}:${match.line_text.trimEnd()}`)

layer(Local.layer(), { timeout: "5 minutes" })("grep", (it) => {
  describe("finds", () => {
    it.effect("lines by any of its patterns, in all layers of an image", () =>
      withEngine(async (engine) => {
        const first = await imageOf(
          engine,
          "mkdir -p /d/.h && printf 'one\\nTwo\\nthree\\n' > /d/a && echo two > /d/.h/b && echo one > /gone"
        )
        const script = "rm /gone; echo two > /d/c; ln -s /d/a /d/l; printf 'two\\0\\n' > /d/binary; chmod 0 /d/c"
        const image = (await engine.run({ command: script, shell: true, image: first })).result_image_uuid
        const grep = (query: string) => engine.call("GET", `/v1/inspect/${image}/grep?${query}`)
        const all = await grep("pattern=two&pattern=thr%5Be%5D%2B&path=/d")
        expect([all.status, all.json.path, all.json.patterns, all.json.truncated]).toEqual([
          200,
          "/d",
          ["two", "thr[e]+"],
          false
        ])
        expect(shown(all)).toEqual(["d/.h/b:1:two", "d/a:3:three", "d/c:1:two"])
        expect(all.json.matches[1]).toEqual({
          path: "d/a",
          line_number: 3,
          absolute_offset: 8,
          line_text: "three\n",
          line_bytes: 6,
          submatches: [{ text: "three", start: 0, end: 5 }],
          type: "match"
        })
        expect(shown(await grep("pattern=two&path=/d/l&case=insensitive"))).toEqual(["d/a:2:Two"])
        expect(shown(await grep("pattern=Two&path=/d&case=smart"))).toEqual(["d/a:2:Two"])
        expect(shown(await grep("pattern=two&path=/d/a&path=/d/c&case=smart"))).toEqual(["d/a:2:Two", "d/c:1:two"])
        const context = await grep("pattern=Two&path=/d&before=1&after=1")
        expect(context.json.matches.map((match: Local.Json) => [match.type, match.line_number])).toEqual([
          ["context", 1],
          ["match", 2],
          ["context", 3]
        ])
        expect(shown(await grep("pattern=o&path=/d&glob=a"))).toEqual(["d/a:1:one", "d/a:2:Two"])
        expect(shown(await grep("pattern=o&path=/d&glob=!a"))).toEqual(["d/.h/b:1:two", "d/c:1:two"])
        expect(shown(await grep("pattern=o&path=/d&max_count=1"))).toEqual(["d/.h/b:1:two", "d/a:1:one", "d/c:1:two"])
        const few = await grep("pattern=o&path=/d&max_total=2")
        expect([shown(few), few.json.truncated]).toEqual([["d/.h/b:1:two", "d/a:1:one"], true])
        const nothing = await grep("pattern=nowhere-to-be-found")
        expect([nothing.status, nothing.json]).toEqual([200, {
          path: "/",
          patterns: ["nowhere-to-be-found"],
          matches: [],
          truncated: false
        }])
      }))

    it.effect("nothing of the host, whatever the request says", () =>
      withEngine(async (engine) => {
        const image = await imageOf(
          engine,
          "mkdir /d && ln -s /etc/passwd /d/p && ln -s ../../../../etc /d/e && echo --pre > /d/f"
        )
        const grep = (query: string) => engine.call("GET", `/v1/inspect/${image}/grep?${query}`)
        expect(shown(await grep("pattern=root&path=/d"))).toEqual([])
        for (const path of ["/d/e/shadow", "/../../../etc/shadow", "/proc/self/environ", "/program"]) {
          expect((await grep(`pattern=.&path=${path}`)).status, path).toBe(404)
        }
        expect(shown(await grep("pattern=--pre&path=/d"))).toEqual(["d/f:1:--pre"])
        expect((await grep("pattern=x&glob=--pre=/bin/sh")).status).toBe(200)
        const found = await grep("pattern=.&path=/&max_total=10000")
        expect(found.text).not.toContain(engine.store)
      }))
  })

  describe("refuses", () => {
    it.effect("what is no search, with the words of ripgrep where it has some", () =>
      withEngine(async (engine) => {
        const image = await imageOf(engine, "echo x > /x")
        const grep = async (query: string): Promise<readonly [number, string]> => {
          const answer = await engine.call("GET", `/v1/inspect/${image}/grep?${query}`)
          return [answer.status, answer.json.error]
        }
        expect(await grep("")).toEqual([400, "pattern is required"])
        expect(await grep("pattern=(")).toEqual([400, expect.stringMatching(/^regex parse error:[^]*unclosed group/)])
        expect(await grep("pattern=a%0Ab")).toEqual([400, expect.stringMatching(/\\n/)])
        expect(await grep("pattern=a&glob=%5B")).toEqual([400, expect.stringMatching(/glob/)])
        expect((await grep("pattern=a&path=/nowhere"))[0]).toBe(404)
        for (
          const query of [
            "path=x",
            "case=loud",
            "max_total=0",
            "max_total=10001",
            "max_count=0",
            "before=-1",
            "after=x"
          ]
            .concat("pattern=%00", "case=smart&case=smart", "before=1001")
        ) {
          expect((await grep(`pattern=a&${query}`))[0], query).toBe(400)
        }
        const lost = await engine.call("GET", `/v1/inspect/${nowhere}/grep?pattern=x`)
        expect(lost.status).toBe(404)
      }))
  })

  it.effect("ends with the request, and leaves nothing", () =>
    withEngine(async (engine) => {
      // much to do: a nested repetition over lines that nearly match
      const image = await imageOf(engine, "yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -c 60000000 > /big")
      const sent = Http.request({
        host: "127.0.0.1",
        port: engine.port,
        path: `/v1/inspect/${image}/grep?pattern=${encodeURIComponent("(\\w|a){20,30}(\\pL|b){10,30}X")}`,
        headers: { authorization: `Bearer ${engine.token}` }
      })
      let answered = false
      sent.on("response", () => {
        answered = true
      })
      sent.on("error", () => {})
      sent.end()
      const others = (): number => busyOn(engine.store).length
      await Effect.runPromise(eventually("it runs, or is over", () => others() > 0 || answered))
      sent.destroy()
      await Effect.runPromise(eventually("it is dead", () => others() === 0))
    }))
})

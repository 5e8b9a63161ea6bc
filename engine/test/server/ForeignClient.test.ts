/**
 * The engine as somebody sees it who has curl and the description of the protocol: a table of requests and of what must
 * come back, each route at least once. Nothing of ours writes the requests or reads the answers.
 */
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { execFile, spawnSync } from "node:child_process"
import * as Local from "../support/LocalEngine.js"
import type { Engine, Json } from "../support/LocalEngine.js"

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** What later requests need to know of earlier answers, by name. */
type Known = Record<string, string>

interface Row {
  readonly method: string
  /** `{name}` stands for what is known by that name */
  readonly path: string
  readonly body?: string
  readonly headers?: ReadonlyArray<string>
  readonly status: number
  readonly type?: RegExp
  /** the body, whole, where it is text */
  readonly text?: RegExp
  /** the body as JSON, as far as it is told */
  readonly json?: Json
  readonly header?: readonly [name: string, value: RegExp]
  readonly keep?: (answer: Json, headers: Answer["headers"]) => Known
  /** asks again until it holds of the answer */
  readonly until?: (answer: Json) => boolean
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const anyUuid = expect.stringMatching(uuid)
const anyTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/)
const nobody = "00000000-0000-4000-8000-000000000000"
const sha256OfHello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

const error = (text: RegExp) => ({ error: expect.stringMatching(text) })
const spawn = (request: object): string => JSON.stringify({ image: "tag:busybox:latest", timeout: 600, ...request })

/** in this state, or in one that no more is changed */
const is = (status: string) => (answer: Json): boolean =>
  answer.status === status || !["PENDING", "ASSIGNED", "EXECUTING"].includes(answer.status)

const table: ReadonlyArray<Row> = [
  {
    method: "GET",
    path: "/v1/whoami",
    status: 200,
    type: /json/,
    json: { permissions: { spawn: true, import: true } }
  },
  // a project of any name is nobody's here
  { method: "GET", path: "/v1/whoami", headers: ["Project: aiproject-x"], status: 200, type: /json/ },
  // files
  {
    method: "POST",
    path: "/v1/files",
    body: "hello",
    headers: ["Content-Type: application/octet-stream"],
    status: 201,
    json: { uuid: anyUuid, sha256: sha256OfHello, size: 5 },
    keep: ({ uuid }) => ({ file: uuid })
  },
  { method: "GET", path: `/v1/files/${sha256OfHello}`, status: 200, json: { sha256: sha256OfHello, size: 5 } },
  { method: "HEAD", path: `/v1/files/${sha256OfHello}`, status: 200, text: /^$/ },
  { method: "HEAD", path: `/v1/files/${"0".repeat(64)}`, status: 404, text: /^$/ },
  { method: "GET", path: `/v1/files/${"0".repeat(64)}`, status: 404, json: error(/./) },
  { method: "GET", path: "/v1/files?limit=1", status: 200, json: { files: [{ size: 5, created_at: anyTime }] } },
  // as files were looked up once
  { method: "GET", path: `/v1/files?sha256=${"0".repeat(64)}`, status: 200, json: { files: [{ size: 5 }] } },
  { method: "GET", path: "/v1/files?limit=1001", status: 400, json: error(/limit must be between 1 and 1000/) },
  // runs
  {
    method: "POST",
    path: "/v1/instances",
    body: spawn({
      command: "cat /in; echo out; echo err >&2; echo kept > /kept; printf '\\377'; exit 3",
      shell: true,
      env: { A_TOKEN: "shown" },
      files: { "/in": { uuid: "{file}", mode: "0600" } }
    }),
    status: 201,
    json: { uuid: anyUuid, shell: true, result: null },
    header: ["location", /\/v1\/operations\/[0-9a-f-]{36}$/],
    keep: ({ uuid }) => ({ run: uuid })
  },
  {
    method: "GET",
    path: "/v1/operations/{run}",
    until: is("SUCCESS"),
    status: 200,
    json: {
      uuid: anyUuid,
      kind: "instance",
      status: "SUCCESS",
      error: null,
      result_image_uuid: anyUuid,
      metadata: {
        env: { A_TOKEN: "shown" },
        result: {
          state: { exit_code: 3, signal: -1, timed_out: false },
          stdout: { value: Buffer.from("helloout\n\xff", "latin1").toString("base64"), encoding: "base64" },
          stderr: { value: "err\n", encoding: "ascii" }
        }
      }
    },
    keep: ({ result_image_uuid }) => ({ image: result_image_uuid })
  },
  {
    method: "GET",
    path: "/v1/operations/{run}/events?follow=1",
    headers: ["Accept: text/event-stream"],
    status: 200,
    type: /text\/event-stream/,
    text:
      /event: spawn\n[\s\S]*event: stderr\n[\s\S]*event: exit\n[\s\S]*event: completion\ndata: \{.*"status":"SUCCESS".*\}\n\n$/
  },
  {
    method: "GET",
    path: "/v1/operations/{run}/events",
    headers: ["Last-Event-Id: 1"],
    status: 200,
    text: /^(?![\s\S]*^id: [01]$)[\s\S]*^event: completion$/m
  },
  {
    method: "GET",
    path: "/v1/operations?status=SUCCESS&kind=instance&limit=1",
    status: 200,
    json: [{ kind: "instance" }]
  },
  { method: "GET", path: "/v1/operations?status=NONE", status: 400, json: error(/./) },
  { method: "GET", path: `/v1/operations/${nobody}`, status: 404, json: { error: "Operation not found", status: 404 } },
  { method: "DELETE", path: "/v1/operations/{run}", status: 409, json: error(/not cancellable/) },
  { method: "POST", path: "/v1/instances", body: "{", status: 400, json: error(/./) },
  {
    method: "POST",
    path: "/v1/instances",
    body: spawn({ command: "x", image: "busybox" }),
    status: 400,
    json: error(/./)
  },
  {
    method: "POST",
    path: "/v1/instances",
    body: spawn({ command: "x", image: nobody }),
    status: 404,
    json: error(/./)
  },
  // a run that goes on, and processes beside it
  {
    method: "POST",
    path: "/v1/instances",
    body: spawn({
      command: "read line; echo got $line; sleep 1000",
      shell: true,
      disposable: true,
      stdin: { value: "", close: false }
    }),
    status: 201,
    keep: ({ uuid }) => ({ long: uuid })
  },
  {
    method: "GET",
    path: "/v1/operations/{long}",
    until: is("EXECUTING"),
    status: 200,
    json: { result_image_uuid: null }
  },
  {
    method: "POST",
    path: "/v1/operations/{long}/subprocesses",
    body: JSON.stringify({ command: "cat", stdin: { value: "", close: false } }),
    status: 201,
    json: { spid: 2 }
  },
  {
    method: "POST",
    path: "/v1/operations/{long}/subprocesses/2/stdin",
    body: JSON.stringify({ value: "beside", close: true }),
    status: 204,
    text: /^$/
  },
  {
    method: "GET",
    path: "/v1/operations/{long}/subprocesses/2",
    until: ({ state }) => state.exit_code !== -1,
    status: 200,
    json: { state: { exit_code: 0 }, stdout: { value: "beside" } }
  },
  {
    method: "GET",
    path: "/v1/operations/{long}/events?spid=2",
    status: 200,
    text: /event: stdout\ndata: \{.*"spid":2.*"beside"[\s\S]*event: exit\ndata: \{.*"spid":2/
  },
  { method: "GET", path: "/v1/operations/{long}/subprocesses/9", status: 404, json: error(/./) },
  {
    method: "POST",
    path: "/v1/operations/{long}/subprocesses/1/stdin",
    body: JSON.stringify({ value: "in\n", close: true }),
    status: 204
  },
  { method: "DELETE", path: "/v1/operations/{long}/subprocesses/1?signal=NOPE", status: 400, json: error(/./) },
  {
    method: "GET",
    path: "/v1/operations/{long}?inflight=1",
    status: 200,
    json: { status: "EXECUTING", metadata: { result: { state: { exit_code: -1 } } } }
  },
  { method: "DELETE", path: "/v1/operations/{long}", status: 202, text: /^$/ },
  {
    method: "GET",
    path: "/v1/operations/{long}",
    until: is("CANCELLED"),
    status: 200,
    json: { status: "CANCELLED", result_image_uuid: null }
  },
  // images
  {
    method: "PATCH",
    path: "/v1/images/{image}/tag",
    body: "{\"tag\":\"curl/test:v1\"}",
    status: 200,
    json: { tag: "curl/test:v1" }
  },
  { method: "PATCH", path: "/v1/images/{image}/tag", body: "{\"tag\":\"a b\"}", status: 400, json: error(/tag/) },
  {
    method: "GET",
    path: "/v1/images?tag=curl/",
    status: 200,
    json: { images: [{ tag: "curl/test:v1", created_at: anyTime }] }
  },
  { method: "GET", path: "/v1/images?tagged=1&limit=2", status: 200, json: { images: [{}, {}] } },
  // a filter that older clients send
  { method: "GET", path: "/v1/images?kind=any&limit=1", status: 200, json: { images: [{}] } },
  {
    method: "GET",
    path: "/v1/inspect?tag=curl%2Ftest:v1",
    status: 308,
    header: ["location", /^inspect\/\?tag=curl/]
  },
  {
    method: "GET",
    path: "/v1/inspect/?tag=curl/test:v1",
    status: 302,
    header: ["location", /^[0-9a-f-]{36}\/$/],
    text: /^$/
  },
  { method: "GET", path: "/v1/inspect/?tag=curl/test", status: 404, json: error(/./) },
  { method: "GET", path: "/v1/inspect/", status: 400, json: error(/tag is required/) },
  {
    method: "GET",
    path: "/v1/inspect/{image}/",
    status: 200,
    json: { uuid: anyUuid, tag: "curl/test:v1", operation_uuid: anyUuid }
  },
  { method: "GET", path: "/v1/inspect/{image}/list?path=/", status: 200, json: { path: "/" } },
  { method: "GET", path: "/v1/inspect/{image}/list?path=/&text=1", status: 200, type: /text\/plain/, text: / kept$/m },
  { method: "GET", path: "/v1/inspect/{image}/list?path=/kept", status: 422, json: error(/./) },
  { method: "GET", path: "/v1/inspect/{image}/list?path=/none", status: 404, json: error(/path not found/) },
  {
    method: "GET",
    path: "/v1/inspect/{image}/download?path=/kept",
    status: 200,
    type: /octet-stream/,
    text: /^kept\n$/
  },
  { method: "HEAD", path: "/v1/inspect/{image}/download?path=/kept", status: 200, text: /^$/ },
  { method: "HEAD", path: "/v1/inspect/{image}/download?path=/none", status: 404, text: /^$/ },
  { method: "GET", path: "/v1/inspect/{image}/download?path=/etc", status: 422, json: error(/./) },
  { method: "GET", path: "/v1/inspect/{image}/archive?path=/etc", status: 200, type: /x-tar/, text: /etc\/passwd\0/ },
  { method: "HEAD", path: "/v1/inspect/{image}/archive?path=/etc", status: 200, text: /^$/ },
  { method: "GET", path: "/v1/inspect/{image}/archive?path=/kept", status: 200, type: /x-tar/, text: /^kept\0/ },
  {
    method: "GET",
    path: "/v1/inspect/{image}/grep?pattern=%5Ekept&path=/kept",
    status: 200,
    json: { path: "/kept", truncated: false, matches: [{}] }
  },
  {
    method: "GET",
    path: "/v1/inspect/{image}/grep?pattern=nothing-like-it&path=/etc",
    status: 200,
    json: { matches: [] }
  },
  { method: "DELETE", path: "/v1/images/{image}/tag?tag=curl/test:v1", status: 204, text: /^$/ },
  { method: "DELETE", path: "/v1/images/{image}/tag?tag=curl/test:v1", status: 404, json: error(/./) },
  // without a name it is all of them
  { method: "PATCH", path: "/v1/images/{image}/tag", body: "{\"tag\":\"one\"}", status: 200, json: { tag: "one" } },
  { method: "PATCH", path: "/v1/images/{image}/tag", body: "{\"tag\":\"two\"}", status: 200, json: { tag: "two" } },
  { method: "DELETE", path: "/v1/images/{image}/tag", status: 204, text: /^$/ },
  { method: "GET", path: "/v1/images?uuid={image}", status: 200, json: { images: [{ uuid: anyUuid, tag: null }] } },
  // imports
  {
    method: "POST",
    path: "/v1/images/import",
    body: JSON.stringify({ registry: { url: "docker://127.0.0.1:1/none" }, timeout: 1 }),
    status: 201,
    json: { uuid: anyUuid },
    header: ["location", /\/v1\/operations\/[0-9a-f-]{36}$/],
    keep: ({ uuid }) => ({ import: uuid })
  },
  {
    method: "GET",
    path: "/v1/operations/{import}",
    until: is("FAILED"),
    status: 200,
    json: { kind: "image_import", error: expect.any(String) }
  },
  {
    method: "POST",
    path: "/v1/images/import",
    body: JSON.stringify({ registry: { url: "oci://127.0.0.1:1/none", credentials: { username: "", password: "" } } }),
    status: 201,
    json: { uuid: anyUuid }
  },
  // as the first clients wrote it
  {
    method: "POST",
    path: "/v1/images/import",
    body: JSON.stringify({ registry: "docker://127.0.0.1:1/none" }),
    status: 400,
    json: error(/registry/)
  },
  // what is no route
  { method: "GET", path: "/v1/projects", status: 404, json: error(/./) },
  { method: "PUT", path: "/v1/whoami", status: 405, header: ["allow", /GET/], json: error(/./) }
]

const fill = (text: string, known: Known): string =>
  text.replace(/\{(file|run|image|long|import)\}/g, (whole, name: string) => known[name] ?? whole)

const curl = ({ token, url }: Engine, row: Row, known: Known): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const args = [
      ...["-sS", "--globoff", "--path-as-is", "--max-time", "600", "-H", `Authorization: Bearer ${token}`],
      ...(row.method === "HEAD" ? ["-I"] : ["-i", "-X", row.method]),
      ...(row.headers ?? []).flatMap((header) => ["-H", header]),
      ...(row.body === undefined ? [] : ["--data-binary", fill(row.body, known)]),
      `${url}${fill(row.path, known)}`
    ]
    execFile("curl", args, { encoding: "buffer", maxBuffer: 2 ** 28 }, (failure, stdout) => {
      if (failure !== null) return reject(failure)
      const end = stdout.indexOf("\r\n\r\n")
      const [first = "", ...lines] = stdout.subarray(0, end).toString("latin1").split("\r\n")
      const headers = Object.fromEntries(lines.map((line) => {
        const colon = line.indexOf(":")
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }))
      resolve({ status: Number(first.split(" ")[1]), headers, body: stdout.subarray(end + 4) })
    })
  })

const ask = async (engine: Engine, row: Row, known: Known): Promise<Answer> => {
  for (;;) {
    const answer = await curl(engine, row, known)
    if (row.until === undefined || row.until(JSON.parse(answer.body.toString()))) return answer
  }
}

const check = (row: Row, { body, headers, status }: Answer): void => {
  const what = `${row.method} ${row.path}`
  const text = body.toString("latin1")
  expect(status, `${what}: ${text.slice(0, 300)}`).toBe(row.status)
  if (row.type !== undefined) expect(headers["content-type"], what).toMatch(row.type)
  if (row.header !== undefined) expect(headers[row.header[0]], what).toMatch(row.header[1])
  if (row.text !== undefined) expect(text, what).toMatch(row.text)
  if (row.json !== undefined) expect(JSON.parse(text), what).toMatchObject(row.json)
}

const hasCurl = spawnSync("curl", ["--version"]).status === 0

layer(Local.layer(), { timeout: "10 minutes" })("the engine, as curl sees it", (it) => {
  it.effect("answers each route as the protocol says", () =>
    !hasCurl
      ? Effect.sync(() => console.warn("NOT RUN: the table of requests by curl. Install curl to run it."))
      : Effect.gen(function*() {
        const engine = yield* Local.LocalEngine
        const known: Known = {}
        for (const row of table) {
          const answer = yield* Local.promise(() => ask(engine, row, known))
          check(row, answer)
          if (row.keep !== undefined) Object.assign(known, row.keep(JSON.parse(answer.body.toString()), answer.headers))
        }
      }))
})

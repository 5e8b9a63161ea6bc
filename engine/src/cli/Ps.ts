/**
 * `contree-local ps`: runs and imports, of all engines on the store.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Moment from "../run/Moment.js"
import type { Operation } from "../store/Overview.js"
import type { StoreError } from "../store/StoreError.js"
import type { Parsed } from "./Args.js"
import type { CommandError } from "./CommandError.js"
import * as ShortIds from "./ShortIds.js"
import type * as Specs from "./Specs.js"
import * as Stores from "./Stores.js"
import * as Table from "./Table.js"
import * as Terminal from "./Terminal.js"
import * as Text from "./Text.js"

const asJson = (operation: Operation): Record<string, unknown> => ({
  uuid: operation.id,
  kind: operation.request.kind,
  request: operation.request.text,
  status: operation.status,
  error: operation.error,
  created_at: Moment.iso(operation.createdAt),
  duration: operation.duration,
  image_uuid: operation.image,
  result_image_uuid: operation.resultImage,
  engine_pid: operation.pid
})

/**
 * @since 0.1.0
 * @category rendering
 */
export const table = (
  operations: ReadonlyArray<Operation>,
  now: { readonly seconds: number },
  look: Pick<Terminal.Look, "width" | "paint">
): string => {
  const short = ShortIds.make(operations.flatMap(({ id, image }) => image === null ? [id] : [id, image]))
  return Table.render(
    [
      { title: "ID" },
      { title: "STATUS" },
      { title: "AGE", align: "right", spare: 1 },
      { title: "TOOK", align: "right", spare: 2 },
      { title: "PID", align: "right", spare: 3 },
      { title: "IMAGE", spare: 4 },
      { title: "WHAT", flexible: true }
    ],
    operations.map(({ createdAt, duration, error, id, image, pid, request, status }) => [
      short(id),
      status.toLowerCase(),
      Text.span(now.seconds - createdAt.seconds),
      duration === null ? "-" : Text.duration(duration),
      pid === null ? "-" : String(pid),
      image === null ? "-" : short(image),
      (request.kind === "run" ? request.text : `import ${request.text}`) + (error === null ? "" : ` (${error})`)
    ]),
    { width: look.width, title: (text) => look.paint("strong", text) }
  )
}

/**
 * @since 0.1.0
 * @category commands
 */
export const main = (
  { options }: Parsed<(typeof Specs.ps)["options"]>
): Effect.Effect<number, CommandError | StoreError> =>
  Effect.gen(function*() {
    const overview = yield* Stores.look(options.store)
    const operations = yield* overview.operations(options.all ? "all" : "going on")
    const now = { seconds: (yield* Clock.currentTimeMillis) / 1000 }
    yield* Terminal.out(
      options.json
        ? `${JSON.stringify(operations.map(asJson), null, 2)}\n`
        : table(operations, now, Terminal.look(process.stdout))
    )
    return 0
  }).pipe(Effect.scoped)

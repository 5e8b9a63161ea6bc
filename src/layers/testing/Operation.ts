/**
 * An operation of the double: its state, its log, its end. Protocol: sections 3.8 and 4.3.
 *
 * @since 0.1.0
 */
import type * as Ids from "../../schemas/Ids.js"
import type * as Wire from "../../schemas/Wire.js"
import { isTerminal } from "../../schemas/Wire.js"
import { EventLog } from "./EventLog.js"
import { fromMillis } from "./Moment.js"

/** @internal */
export interface End {
  readonly status: "SUCCESS" | "FAILED" | "CANCELLED"
  readonly error?: string | undefined
  readonly image?: Ids.ImageId | undefined
}

/** @internal */
export class Operation {
  readonly log = new EventLog()
  #status: "EXECUTING" | End["status"] = "EXECUTING"
  #end: End | undefined
  #seconds: number | null = null

  constructor(
    readonly id: Ids.OperationId,
    readonly kind: "instance" | "image_import",
    readonly imageId: Ids.ImageId | null,
    readonly createdAt: number
  ) {}

  get status(): "EXECUTING" | End["status"] {
    return this.#status
  }

  get isOver(): boolean {
    return isTerminal(this.#status)
  }

  /** once: whatever else happens on the way down is a consequence */
  end(now: number, end: End): void {
    if (this.isOver) return
    this.#status = end.status
    this.#end = end
    this.#seconds = (now - this.createdAt) / 1000
    this.log.append(now, "completion", 0, {
      status: end.status,
      duration_ms: now - this.createdAt,
      ...(end.image === undefined ? {} : { result_image_uuid: end.image }),
      ...(end.error === undefined ? {} : { error: end.error })
    })
  }

  summary(): Wire.OperationSummary {
    return {
      uuid: this.id,
      kind: this.kind,
      status: this.#status,
      error: this.#end?.error ?? null,
      created_at: fromMillis(this.createdAt),
      duration: this.#seconds,
      image_uuid: this.imageId,
      result_image_uuid: this.#end?.image ?? null
    }
  }

  /** `tag`: the one that its image was to be given; where there is no image, nothing has it */
  result(tag: string | null): { readonly image: Ids.ImageId | null; readonly tag: string | null } | null {
    const image = this.#end?.image ?? null
    return this.isOver ? { image, tag: image === null ? null : tag } : null
  }
}

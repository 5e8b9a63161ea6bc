/**
 * How far an import is, for people: a line that is written over on a terminal, a line for each phase elsewhere.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Terminal from "./Terminal.js"
import * as Text from "./Text.js"

/**
 * Totals are 0 where nobody knows them.
 *
 * @since 0.1.0
 * @category models
 */
export interface State {
  readonly phase: string
  readonly bytes: number
  readonly totalBytes: number
  readonly layers: number
  readonly totalLayers: number
}

const widestBar = 24
/** one that is shorter says nothing */
const shortestBar = 6

const bar = (part: number, width: number): string => {
  const full = Math.max(0, Math.min(width, Math.round(part * width)))
  return `[${"#".repeat(full)}${"-".repeat(width - full)}]`
}

const counts = ({ bytes, layers, phase, totalBytes, totalLayers }: State): readonly [part: number, text: string] => {
  if (phase === "unpacking" && totalLayers > 0) {
    // the one that is being unpacked
    return [layers / totalLayers, `layer ${Math.min(layers + 1, totalLayers)} of ${totalLayers}`]
  }
  if (totalBytes > 0) return [bytes / totalBytes, `${Text.bytes(bytes)} of ${Text.bytes(totalBytes)}`]
  return [-1, bytes > 0 ? Text.bytes(bytes) : ""]
}

/**
 * One line, no wider than the terminal.
 *
 * @since 0.1.0
 * @category rendering
 */
export const line = (state: State, width: number): string => {
  const [part, text] = counts(state)
  const phase = Text.pad(state.phase, "unpacking".length)
  // a line that is full would make the terminal begin another one
  const room = width - 1
  // the brackets, and what stands between the words; the text is worth more than the bar
  const left = Math.min(widestBar, room - phase.length - text.length - "  []  ".length)
  const words = [phase, ...(part < 0 || left < shortestBar ? [] : [bar(part, left)]), text]
  return Text.cut(words.join("  ").trimEnd(), room)
}

/** What is said of a phase where nothing can be written over. */
const plainLine = (state: State): string => {
  const whole = state.phase === "unpacking"
    ? state.totalLayers > 0 ? `${state.totalLayers} ${state.totalLayers === 1 ? "layer" : "layers"}` : ""
    : state.totalBytes > 0
    ? Text.bytes(state.totalBytes)
    : ""
  return `${state.phase} ${whole}`.trimEnd()
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Reporter {
  readonly show: (state: State) => Effect.Effect<void>
  /** Makes room for other lines. */
  readonly clear: Effect.Effect<void>
}

const startOfLine = "\r\u001b[K"

/**
 * On stderr.
 *
 * @since 0.1.0
 * @category constructors
 */
export const reporter = (look: Pick<Terminal.Look, "isTerminal" | "width">): Reporter => {
  let shown = ""
  return {
    show: (state) =>
      Effect.suspend(() => {
        const text = look.isTerminal ? line(state, look.width) : plainLine(state)
        if (text === shown) return Effect.void
        shown = text
        return Terminal.err(look.isTerminal ? startOfLine + text : `${text}\n`)
      }),
    clear: Effect.suspend(() => {
      const isShown = look.isTerminal && shown !== ""
      shown = ""
      return isShown ? Terminal.err(startOfLine) : Effect.void
    })
  }
}

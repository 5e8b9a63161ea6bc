import { FastCheck } from "effect"

const codePoint = FastCheck.oneof(
  FastCheck.integer({ min: 0, max: 0x7f }),
  FastCheck.integer({ min: 0, max: 0xd7ff }),
  FastCheck.integer({ min: 0xe000, max: 0x10ffff })
)

/** Any text that UTF-8 can write, control characters too. The units built into fast-check take seconds to set up. */
export const anyText: FastCheck.Arbitrary<string> = FastCheck.array(codePoint, { maxLength: 30 }).map((points) =>
  String.fromCodePoint(...points)
)

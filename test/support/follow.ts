/** The follower as streams, as most tests read it. */
import * as Follow from "../../src/internal/Follow.js"
import * as Pull from "../../src/internal/Pull.js"

export type { ConnectionError, Source } from "../../src/internal/Follow.js"
export { maxFailures } from "../../src/internal/Follow.js"

export const follow = (...args: Parameters<typeof Follow.follow>) => Pull.toStream(Follow.follow(...args))
export const replay = (...args: Parameters<typeof Follow.replay>) => Pull.toStream(Follow.replay(...args))

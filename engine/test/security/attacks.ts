/**
 * What somebody would try who has a run, an image or a connection, and what comes of it. `docs/security.md` has the same
 * list: the tests compare them.
 */
import type { Attack } from "./Attack.js"
import { boxAttacks } from "./boxAttacks.js"
import { clientAttacks } from "./clientAttacks.js"
import { imageAttacks } from "./imageAttacks.js"

/** By who it comes from. */
export const attacks: Readonly<Record<string, ReadonlyArray<Attack>>> = {
  "a command in a box": boxAttacks,
  "an image": imageAttacks,
  "a client of the server": clientAttacks
}

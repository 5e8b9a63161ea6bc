/**
 * Random changes, made through a real overlay in several runs and committed after each: what ImageTree and its archive
 * show must be what the kernel shows.
 */
import { expect, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import * as ImageTree from "../../src/image/ImageTree.js"
import type { Store } from "../../src/store/Store.js"
import { emptyStore, folder, imageOf, inOverlay, isRoot, newOperation, runScript } from "../store/support.js"

// A pipe would keep its reader or writer waiting for ever: nothing below opens one.

/** as shells' printf writes them; the last two are not UTF-8, the first could be an option */
const names = ["-n", "b b", "l\\nf", "\\303\\251", "\\377\\376", "long".repeat(40), "%\\200"]
const paths = names.slice(0, 5).flatMap((
  top
) => [top, ...names.map((name) => `${top}/${name}`), `${top}/b b/${names[0]}`])

const path = FastCheck.constantFrom(...paths)
const verb = FastCheck.constantFrom(
  "mkdir -p -- \"$p\"",
  "mkdir -p -- \"$p\" && echo in > \"$p/inside\"",
  "[ -p \"$p\" ] || echo \"$n\" > \"$p\"",
  "[ -p \"$p\" ] || echo \"$n\" >> \"$p\"",
  "rm -rf -- \"$p\"",
  "rm -rf -- \"$p\" && mkdir -- \"$p\"",
  "rm -rf -- \"$p\" && mkdir -- \"$p\" && echo again > \"$p/again\"",
  "ln -s -- \"$q\" \"$p\"",
  "ln -s -- \"/etc\" \"$p\"",
  "ln -- \"$p\" \"$q\"",
  "mv -f -T -- \"$p\" \"$q\"",
  "cp -a -T -- \"$p\" \"$q\"",
  "chmod $((n % 8))75 -- \"$p\"",
  "chmod u+s -- \"$p\"",
  isRoot ? "chown -h 1234:300000$n -- \"$p\"" : "true",
  "touch -h -d @$((n * 1000000)) -- \"$p\"",
  "touch -h -d @-$n -- \"$p\"",
  "mkfifo -- \"$p\"",
  "[ -f \"$p\" ] && cat \"$p\" > copy && cat copy > \"$p\"; rm -f copy",
  "rm -rf etc/init.d && mkdir etc/init.d && echo \"$p\" > etc/init.d/x",
  "rm -f bin/ls; rm -rf home",
  "mv etc/init.d \"$p\"",
  "chmod 755 ."
)

const base = "mkdir -p etc/init.d bin home/a/b tmp; echo ls > bin/ls; ln bin/ls bin/dir; echo a > etc/init.d/a; " +
  "ln -s /etc home/a/b/etc; chmod 1777 tmp; echo x > home/a/b/x"
const step = FastCheck.record({ verb, p: path, q: path, n: FastCheck.nat(7) })
const runs = FastCheck.array(FastCheck.array(step, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 })

const scriptOf = (steps: ReadonlyArray<{ verb: string; p: string; q: string; n: number }>): string =>
  steps.map(({ n, p, q, verb }) => {
    const format = (path: string): string => path.replace(/%/g, "%%")
    return `p="$(printf './${format(p)}')"; q="$(printf './${format(q)}')"; n=${n}; { ${verb}; } 2>/dev/null`
  }).join("\n") + "\ntrue"

/** Sizes of folders and counts of links are the file system's own affair. */
const listing = (times: boolean): string =>
  `find . -mindepth 1 \\( -type f -o -type l \\) -printf '%P|%y|%m|%U|%G|%s|${times ? "%Ts" : ""}|%l\\0' , ` +
  `\\( -not -type f -not -type l \\) -printf '%P|%y|%m|%U|%G||${times ? "%Ts" : ""}|\\0' | sort -z; ` +
  "find . -type f -print0 | sort -z | xargs -0 -r md5sum -z --"

const shown = (
  store: Store,
  image: Parameters<Store["images"]["layers"]>[0],
  script: string
) =>
  Effect.gen(function*() {
    const workspace = yield* Effect.flatMap(newOperation, store.workspace)
    return inOverlay(store, yield* store.images.layers(image), workspace, script).toString("latin1")
  }).pipe(Effect.scoped)

const unpacked = (store: Store, layers: ReadonlyArray<string>, script: string) =>
  Effect.gen(function*() {
    const target = `${yield* folder}/unpacked`
    mkdirSync(target)
    const tree = ImageTree.make(store, layers)
    const archive = yield* Effect.flatMap(tree.archive("/"), Stream.runCollect)
    // As a user this must run as the root of a box too, or folders without the owner's bits stay closed.
    const command = ["sh", "-c", `tar -x -p --same-owner --numeric-owner -f - && { ${script} ; }`]
    const [tool, ...args] = isRoot ? command : ["unshare", "-Ur", ...command]
    return execFileSync(tool!, args, {
      cwd: target,
      input: Buffer.concat(Chunk.toReadonlyArray(archive)),
      maxBuffer: 1 << 28,
      env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" }
    }).toString("latin1")
  }).pipe(Effect.scoped)

it.scoped.prop("shows what the kernel shows", { runs }, ({ runs }) =>
  Effect.gen(function*() {
    const store = yield* emptyStore
    let image = yield* imageOf(store, base)
    let before = yield* shown(store, image, listing(false))
    for (const steps of runs) {
      const done = yield* runScript(store, image, `{ ${scriptOf(steps)} ; }; ${listing(false)}`)
      const after = done.output.toString("latin1")
      // Unchanged means: the parent again. And only then.
      expect(done.image === image).toBe(after === before)
      image = done.image
      before = after
    }
    const layers = yield* store.images.layers(image)
    expect((yield* unpacked(store, layers, listing(true))).split("\0"))
      .toEqual((yield* shown(store, image, listing(true))).split("\0"))
  }), { fastCheck: { numRuns: 5 } })

import { Effect, Option } from "effect"
import type { Scope } from "effect"
import type { ImageId } from "effect-contree/Ids"
import { OperationId } from "effect-contree/Ids"
import { execFileSync, spawnSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import type { EngineError } from "../../src/EngineError.js"
import * as Scratch from "../../src/store/Scratch.js"
import * as Store from "../../src/store/Store.js"
import { bundle } from "../support/Bundle.js"

export const isRoot = process.geteuid?.() === 0

/** A folder on the real file system, gone with the scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(`${process.env["CONTREE_TEST_FOLDER"] ?? tmpdir()}/contree store é-`)),
  (path) => Effect.orDie(Scratch.remove(path))
)

/** A new store with the base image in it. */
export const freshStore: Effect.Effect<Store.Store, EngineError, Scope.Scope> = Effect.flatMap(
  folder,
  (path) => Store.open({ path: `${path}/store` })
)

/** A new store without any image: a little faster. */
export const emptyStore: Effect.Effect<Store.Store, EngineError, Scope.Scope> = Effect.flatMap(
  folder,
  (path) => Store.open({ path: `${path}/store`, images: [] })
)

/** An image of one layer, made by a script of the host in an empty folder. */
export const imageOf = (store: Store.Store, script: string) =>
  Effect.gen(function*() {
    const { upper } = yield* Effect.flatMap(newOperation, store.workspace)
    execFileSync("sh", ["-c", script], { cwd: `${store.path}/${upper}` })
    return yield* store.images.commit({
      operationId: null,
      parent: null,
      upper,
      tag: Option.none(),
      env: {},
      finish: () => undefined
    })
  }).pipe(Effect.scoped)

export const newOperation = Effect.sync(() => OperationId.make(randomUUID()))

export const busybox = (store: Store.Store) =>
  Effect.map(store.images.findByTag("busybox"), Option.getOrThrowWith(() => new Error("no base image")))

const repository = fileURLToPath(new URL("../../..", import.meta.url))

/** How to start `child.ts`; to be asked for once, outside of every test. */
export const makeChildCommand = (): readonly [
  string,
  string
] => [process.execPath, bundle("engine/test/store/child.ts")]

/** Runs `child.ts` to its end with mounts of its own, which the script makes; everything that it writes. */
export const childInNamespace = (childCommand: ReadonlyArray<string>, script: string, ...args: ReadonlyArray<string>) =>
  Effect.sync(() => {
    const { output } = spawnSync("unshare", [
      isRoot ? "-m" : "-Urm",
      "sh",
      "-c",
      `${script}; exec "$@"`,
      "sh",
      ...childCommand,
      ...args
    ], { cwd: repository, encoding: "utf8" })
    return output.join("")
  })

/** busybox' `mount` makes one mount(2) call, as the engine does. */
const mountAndRun = `
busybox mount -t overlay overlay -o "$1" "$2" || exit 99
cd "$2" || exit 98
eval "$3"
`

/** Runs a shell script in the merged view of an image and a workspace, as a box would see it. */
export const inOverlay = (
  store: Store.Store,
  layers: ReadonlyArray<string>,
  workspace: { readonly upper: string; readonly work: string },
  script: string
): Buffer => {
  const lower = [...layers].reverse().join(":")
  const options =
    `lowerdir=${lower},upperdir=${workspace.upper},workdir=${workspace.work},volatile,redirect_dir=nofollow,` +
    `metacopy=off,index=off${isRoot ? "" : ",userxattr"}`
  const mount = workspace.work.replace(/w$/, "m")
  return execFileSync("unshare", [
    isRoot ? "-m" : "-Urm",
    "sh",
    "-c",
    `mkdir "$2" && { ${mountAndRun} }; code=$?; cd / && umount "$4/$2"; rmdir "$4/$2"; exit $code`,
    "sh",
    options,
    mount,
    script,
    store.path
  ], { cwd: store.path, maxBuffer: 1 << 28, env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" } })
}

/** One run by hand: a script over the image, then a commit. */
export const runScript = (
  store: Store.Store,
  parent: ImageId,
  script: string,
  options: { readonly env?: Record<string, string>; readonly tag?: string } = {}
) =>
  Effect.gen(function*() {
    const id = yield* newOperation
    yield* store.operations.create({ id, kind: "instance", status: "EXECUTING", imageId: parent })
    const workspace = yield* store.workspace(id)
    const output = inOverlay(store, yield* store.images.layers(parent), workspace, script)
    let size = -1
    const image = yield* store.images.commit({
      operationId: id,
      parent,
      upper: workspace.upper,
      tag: Option.fromNullable(options.tag),
      env: options.env ?? {},
      finish: (image, sizeBytes, tx) => {
        size = sizeBytes
        tx.transition(id, ["EXECUTING"], "SUCCESS", { resultImageId: image, imageSize: sizeBytes })
      }
    })
    return { id, image, size, output }
  }).pipe(Effect.scoped)
